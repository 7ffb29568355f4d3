"""What every answer carries, and how cookies are set."""

from __future__ import annotations

import gzip
import runpy
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from portal import urls
from portal.web import errors
from tests.support import factories


def _broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret detail")


def _suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("a secret detail")


urlpatterns = [*urls.urlpatterns, path("broken/", _broken), path("suspicious/", _suspicious)]
handler400, handler403, handler404 = errors.bad_request, errors.forbidden, errors.not_found
handler500 = errors.server_error

broken_urls = override_settings(ROOT_URLCONF=__name__)


def assert_policy(answer: Any) -> None:
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("page", ["/accounts/sign-in/", "/accounts/password/", "/nowhere/", "/admin/", "/healthz"])
def test_every_page_carries_the_strict_policy(client: Client, db: None, page: str) -> None:
    assert_policy(client.get(page))
    assert_policy(factories.client("Viewer").get(page))


@broken_urls
def test_failures_carry_the_policy_and_none_of_the_detail(db: None) -> None:
    client = factories.client("Viewer")
    client.raise_request_exception = False
    for page, status in (("/broken/", 500), ("/suspicious/", 400), ("/nowhere/", 404)):
        answer = client.get(page)
        assert answer.status_code == status
        assert_policy(answer)
        assert b"secret detail" not in answer.content
        assert b"<main" in answer.content


@broken_urls
def test_failures_are_one_plain_sentence_for_htmx(db: None) -> None:
    client = factories.client("Viewer")
    client.raise_request_exception = False
    for page, status in (("/broken/", 500), ("/suspicious/", 400), ("/nowhere/", 404), ("/admin/login/", 403)):
        answer = client.get(page, headers={"HX-Request": "true"})
        assert answer.status_code == status
        assert answer["Content-Type"].startswith("text/plain")
        assert b"<" not in answer.content


def test_an_unknown_host_is_refused_with_the_policy(client: Client, db: None) -> None:
    answer = client.get("/accounts/sign-in/", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_a_form_from_elsewhere_is_refused_and_told_why(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/accounts/sign-in/", {"username": "ann", "password": "x"})
    assert answer.status_code == 403
    assert b"was not sent from a page of this portal" in answer.content
    assert_policy(answer)


def test_no_cache_keeps_what_signed_in_users_saw(db: None) -> None:
    for page in ("/accounts/password/", "/nowhere/"):
        assert "no-store" in factories.client("Viewer").get(page)["Cache-Control"]


def test_no_page_has_inline_scripts_or_styles(client: Client, db: None) -> None:
    for page in ("/accounts/sign-in/", "/accounts/password/", "/nowhere/"):
        for visitor in (client, factories.client("Admin")):
            text = visitor.get(page, follow=True).content.decode()
            assert "style=" not in text
            assert "<style" not in text
            assert "javascript:" not in text
            assert " onclick" not in text
            assert "<script>" not in text


def settings_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, Any]:
    for name in ("PORTAL_INSECURE_HTTP", "PORTAL_BEHIND_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(settings.BASE_DIR / "portal" / "settings.py"))


def test_cookies_are_bound_to_https_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = settings_with(monkeypatch)
    assert strict["SESSION_COOKIE_SECURE"] is strict["CSRF_COOKIE_SECURE"] is True
    assert strict["SECURE_SSL_REDIRECT"] is True
    assert strict["SECURE_HSTS_SECONDS"] >= 31_536_000
    assert strict["SECURE_PROXY_SSL_HEADER"] is None
    assert all(strict[name].startswith("__Host-") for name in ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME"))
    plain = settings_with(monkeypatch, PORTAL_INSECURE_HTTP="yes")
    assert plain["SESSION_COOKIE_SECURE"] is False
    assert plain["SESSION_COOKIE_NAME"] == "portal_session"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client: Client, db: None) -> None:
    User.objects.create_user("ann", password=factories.PASSWORD)
    with override_settings(SESSION_COOKIE_SECURE=True, CSRF_COOKIE_SECURE=True):
        page = client.get("/accounts/sign-in/", secure=True)
        answer = client.post("/accounts/sign-in/", {"username": "ann", "password": factories.PASSWORD}, secure=True)
    for cookie in (page.cookies[settings.CSRF_COOKIE_NAME], answer.cookies[settings.SESSION_COOKIE_NAME]):
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


@pytest.mark.django_db
def test_pages_are_compressed_and_files_are_not() -> None:
    factories.environments(60, seed=8)
    admin, gzipped = factories.client("Admin"), {"accept-encoding": "gzip"}
    page = admin.get("/environments/", headers=gzipped)
    assert page["Content-Encoding"] == "gzip"
    assert len(page.content) < 20_000 < len(gzip.decompress(page.content))
    export = admin.get("/environments/export/?format=csv", headers=gzipped)
    assert "Content-Encoding" not in export
    assert b"".join(export.streaming_content)
