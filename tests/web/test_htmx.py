"""What htmx gets, and what it never gets."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django_htmx.middleware import HtmxDetails

from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission
from tests.support import factories


def request_with(**headers: str) -> HttpRequest:
    request = RequestFactory().get(
        "/somewhere/", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    request.htmx = HtmxDetails(request)
    request.user = AnonymousUser()
    return request


def test_htmx_asks_for_a_part() -> None:
    assert is_fragment(request_with(HX_Request="true"))


@pytest.mark.parametrize(
    "headers",
    [{}, {"HX_Request": "true", "HX_Boosted": "true"}, {"HX_Request": "true", "HX_History_Restore_Request": "true"}],
)
def test_browsers_boosted_links_and_restored_pages_get_whole_pages(headers: dict[str, str]) -> None:
    assert not is_fragment(request_with(**headers))


def test_a_request_that_never_passed_the_middleware_gets_a_whole_page() -> None:
    assert not is_fragment(RequestFactory().get("/", headers={"HX-Request": "true"}))


def test_caches_keep_page_and_fragment_apart(db: None) -> None:
    page = render_page(request_with(), "404.html", "_messages.html", {})
    fragment = render_page(request_with(HX_Request="true"), "404.html", "_messages.html", {}, status=422)
    assert b"<html" in page.content
    assert b"<html" not in fragment.content
    assert fragment.status_code == 422
    assert "HX-Request" in page["Vary"]
    assert "HX-Request" in fragment["Vary"]


def test_an_expired_session_sends_the_whole_page_to_sign_in_and_back(client: Client, db: None) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/accounts/password/?a=b"}
    answer = client.get("/accounts/password/", headers=headers)
    assert answer.status_code == 200
    target = urlsplit(answer["HX-Redirect"])
    assert target.path == "/accounts/sign-in/"
    assert parse_qs(target.query) == {"next": ["/accounts/password/?a=b"]}


def test_a_foreign_current_url_is_not_come_back_to(client: Client, db: None) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/x"}
    assert "evil" not in client.get("/accounts/password/", headers=headers)["HX-Redirect"]


@permission("environments.view_environment", "environments.operate_environment")
def _guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("in")


def test_a_view_opens_only_to_users_with_all_of_its_permissions(db: None) -> None:
    request = request_with()
    assert _guarded(request).status_code == 302
    request.user = factories.user("Viewer")
    with pytest.raises(PermissionDenied, match="needs the role Operator or Admin"):
        _guarded(request)
    request.user = factories.user("Operator")
    assert _guarded(request).content == b"in"


def test_an_inactive_user_may_nothing(db: None) -> None:
    request = request_with()
    request.user = factories.user("Operator")
    User.objects.filter(pk=request.user.pk).update(is_active=False)
    request.user = User.objects.get(pk=request.user.pk)
    with pytest.raises(PermissionDenied):
        _guarded(request)
