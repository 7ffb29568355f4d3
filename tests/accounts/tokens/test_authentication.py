"""Requests with a token: who they are, what they may, how many are answered, and where the token is never found."""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.models import ApiToken
from portal.accounts.tokens import changes
from portal.accounts.tokens.authentication import TokenAuthentication
from portal.api import throttling
from portal.api.throttling import AddressThrottle, TokenThrottle
from portal.ledger import recording
from portal.ledger.models import Operation, Origin
from tests.support import factories

pytestmark = pytest.mark.django_db
OPERATE = "environments.operate_environment"


class Tiny(APIView):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (IsAuthenticated,)
    throttle_classes = (TokenThrottle, AddressThrottle)

    def get(self, request: Request) -> Response:
        return Response({"user": request.user.username, "operate": request.user.has_perm(OPERATE)})

    def post(self, request: Request) -> Response:
        target = recording.Target("environment", uuid.uuid4(), "otter")
        operation, _ = recording.begin("environment.stop", target, {"actor": request.user})
        return Response({"id": str(operation.pk)})

    def delete(self, request: Request) -> Response:
        raise RuntimeError("boom")


urlpatterns = [path("tiny/", Tiny.as_view())]


@pytest.fixture(autouse=True)
def _tiny(settings: LazySettings) -> Iterator[None]:
    settings.ROOT_URLCONF = __name__
    throttling.window.cache_clear()
    url = settings.REDIS_URL
    _forget(url)
    yield
    _forget(url)
    throttling.window.cache_clear()


def _forget(url: str) -> None:
    with redis.Redis.from_url(url) as broker:
        for key in broker.scan_iter("portal:api:*"):
            broker.delete(key)


def made(owner: User, **options: Any) -> tuple[ApiToken, str]:
    plain = {"name": "ci", "role": "Operator", "days": 90, "is_read_only": False}
    token, secret = changes.create_token(owner=owner, actor=owner, **plain | options)
    assert secret is not None
    return token, secret.reveal()


def ask(text: str, *, scheme: str = "Bearer", method: str = "get", address: str = "192.0.2.1") -> Any:
    client = Client(raise_request_exception=False, REMOTE_ADDR=address)
    return getattr(client, method)("/tiny/", headers={"Authorization": f"{scheme} {text}"})


def test_a_token_stands_for_its_owner_with_its_own_permissions() -> None:
    owner = factories.user("Admin", username="ada")
    _, text = made(owner)
    assert ask(text).json() == {"user": "ada", "operate": True}
    assert ask(text, scheme="bearer").status_code == 200
    token, reading = made(owner, is_read_only=True)
    assert ask(reading, address="192.0.2.7").json() == {"user": "ada", "operate": False}
    token.refresh_from_db()
    assert token.last_used_from == "192.0.2.7"


def test_every_other_token_is_a_401_that_says_why_and_names_the_scheme() -> None:
    owner = factories.user("Operator")
    _, text = made(owner)
    for wrong in ("", "portal_x", f"{text} {text}", text[:-1], f"{text}x", text.upper(), "é", "x" * 5000):
        answer = ask(wrong)
        assert answer.status_code == 401, wrong
        assert answer["WWW-Authenticate"].startswith("Bearer "), wrong
    for scheme in ("Basic", "Token"):
        assert ask(text, scheme=scheme).status_code == 401, scheme
    assert Client().get("/tiny/")["WWW-Authenticate"].startswith("Bearer ")
    for change, words in (
        (lambda: ApiToken.objects.update(revoked_at=timezone.now()), "revoked"),
        (lambda: ApiToken.objects.update(revoked_at=None, expires_at=timezone.now() - timedelta(days=1)), "expired"),
        (lambda: ApiToken.objects.update(expires_at=timezone.now() + timedelta(days=1)), ""),
        (lambda: owner.groups.clear(), "no longer has the rights"),
        (lambda: User.objects.update(is_active=False), "deactivated"),
    ):
        change()
        answer = ask(text)
        assert (answer.status_code == 401) == bool(words), words
        assert words in answer.json().get("detail", ""), words


def test_operations_name_the_token_that_requested_them(settings: LazySettings) -> None:
    token, text = made(factories.user("Operator", username="ola"))
    operation = Operation.objects.get(pk=ask(text, method="post").json()["id"])
    assert (operation.actor_name, operation.origin, operation.token) == ("ola", Origin.API, f"ci ({token.prefix})")
    settings.ROOT_URLCONF = "portal.urls"
    shown = factories.client().get(f"/operations/{operation.pk}/").content.decode()
    assert token.prefix in shown
    assert "API" in shown


def test_requests_are_limited_by_token_and_by_address(settings: LazySettings) -> None:
    settings.API_TOKEN_REQUESTS, settings.API_ADDRESS_REQUESTS = 2, 5
    owner = factories.user("Operator")
    (_, first), (_, second), (_, third), (_, fourth) = made(owner), made(owner), made(owner), made(owner)
    assert [ask(first).status_code for _ in range(3)] == [200, 200, 429]
    assert [ask(second).status_code for _ in range(2)] == [200, 200], "another token"
    refused = ask(third)
    assert refused.status_code == 429, "the sixth of the address"
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert ask(third, address="192.0.2.9").status_code == 200
    networks = ("2001:db8:0:1::1", "2001:db8:0:2::1")
    assert [ask(fourth, address=address).status_code for address in networks] == [200, 200]
    settings.API_TOKEN_REQUESTS, settings.API_ADDRESS_REQUESTS = 100, 1
    hosts = ("2001:db8:0:1::2", "2001:db8:0:3::1", "2001:db8:0:3::2")
    assert [ask(fourth, address=address).status_code for address in hosts] == [429, 200, 429], "a network is one"


def test_wrong_tokens_are_limited_by_address_and_right_ones_are_answered_all_the_same(settings: LazySettings) -> None:
    settings.API_FAILURES = 3
    _, text = made(factories.user("Operator"))
    assert [ask("portal_wrong").status_code for _ in range(5)] == [401, 401, 401, 429, 429]
    refused = ask("portal_wrong")
    assert 1 <= int(refused["Retry-After"]) <= 61
    assert ask(text).status_code == 200
    assert ask("portal_wrong", address="192.0.2.9").status_code == 401


def test_without_redis_nothing_is_refused(settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.API_TOKEN_REQUESTS = settings.API_FAILURES = 0
    _, text = made(factories.user("Operator"))
    assert [ask(text).status_code, ask("portal_wrong").status_code] == [200, 401]


def test_a_token_is_found_in_no_table_log_answer_or_key_of_redis(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], settings: LazySettings
) -> None:
    owner = factories.user("Operator")
    token, text = made(owner)
    canary = text.removeprefix(f"{token.prefix}_")
    answers = []
    with caplog.at_level(logging.DEBUG):
        for method in ("get", "post", "delete", "put"):
            answers.append(ask(text, method=method))
        settings.DEBUG = True
        answers.append(ask(text, method="delete"))
        settings.DEBUG = False
        changes.revoke_token(token=token, actor=owner)
        answers += [ask(text), ask(f"{text} {text}"), ask(f"x{text}")]
        settings.API_FAILURES = 0
        answers.append(ask(text))
    assert [answer.status_code for answer in answers] == [200, 200, 500, 405, 500, 401, 401, 401, 429]
    said = io.StringIO()
    for record in caplog.records:
        said.write(f"{record.getMessage()} {record.__dict__!r} {record.exc_text} \n")
    for answer in answers:
        said.write(f"{answer.headers} {answer.content.decode()}")
    said.write("".join(capsys.readouterr()))
    assert "token refused" in said.getvalue()
    assert canary not in said.getvalue()
    assert token.prefix in said.getvalue(), "the log names the token"
    assert canary not in _tables()
    assert canary not in _redis(settings.REDIS_URL)


def _tables() -> str:
    found = []
    with connection.cursor() as cursor:
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT to_jsonb(each)::text FROM "{name}" AS each')
            found += [row for (row,) in cursor.fetchall()]
    return json.dumps(found)


def _redis(url: str) -> str:
    with redis.Redis.from_url(url) as broker:
        return repr([(key, broker.dump(key)) for key in broker.scan_iter()])
