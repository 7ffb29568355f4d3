"""Tokens of environments: made on request, shown once, kept nowhere."""

from __future__ import annotations

import io
import logging
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.apps import apps
from django.conf import settings as portal_settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.urls import reverse

from environments.actions.execute import ReasonMissing
from environments.actions.tokens import create_access_token, create_logs_token
from environments.models import Environment
from environments.sync.observe import observe
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient
from portal.ona.documents.tokens import Secret
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from portal.sandbox.tokens import is_valid
from tests.support import factories

pytestmark = pytest.mark.django_db
MINTS = {"logs-token": create_logs_token, "access-token": create_access_token}
RPCS = {
    "logs-token": "EnvironmentService/CreateEnvironmentLogsToken",
    "access-token": "EnvironmentService/CreateEnvironmentAccessToken",
}
HTMX = {"HX-Request": "true", "HX-Target": "panel"}
SHOWN = re.compile(r"ona_(?:logs|access)_[0-9a-f]{48}")


@pytest.fixture(params=MINTS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def admin() -> User:
    return factories.user("Admin", username="ann")


@pytest.fixture
def client(admin: User) -> Client:
    return factories.signed_in_as(admin)


@pytest.fixture
def environment(sandbox: Sandbox) -> Environment:
    return known(sandbox)


def known(sandbox: Sandbox, condition: Condition | None = None) -> Environment:
    identifier = sandbox.world.add_environment(condition)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        observe([client.get_environment(identifier)])
    return Environment.objects.get(pk=identifier)


def address(kind: str, environment: Environment) -> str:
    return reverse(f"environments:{kind}", args=[environment.pk])


def form(**more: Any) -> dict[str, Any]:
    return {"operation_id": str(uuid.uuid4()), "reason": "to read why it fails"} | more


def shown(answer: Any) -> str:
    """The token in the field that shows it."""
    found = re.search(r'id="token-text"[^>]*value="([^"]+)"', answer.content.decode())
    assert found
    assert SHOWN.fullmatch(found[1])
    return found[1]


def test_a_token_is_made_and_the_ledger_tells_only_that(
    kind: str, sandbox: Sandbox, environment: Environment, admin: User
) -> None:
    tokens: list[Secret] = []
    operation = MINTS[kind](
        environment=environment, hand_over=tokens.append, actor=admin, reason="to read why it fails"
    )
    (token,) = tokens
    assert is_valid(sandbox.world, token.reveal(), str(environment.pk))
    assert (operation.outcome, operation.reason) == (Outcome.SUCCEEDED, "to read why it fails")
    assert operation.action == f"environment.create_{kind.replace('-', '_')}"
    assert operation.request == {"environmentId": str(environment.pk)}
    assert token.reveal() not in str(Operation.objects.values().get())
    assert token.reveal() not in repr((operation, token))


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Auditor", ""])
def test_others_than_admins_may_not(kind: str, role: str, sandbox: Sandbox, environment: Environment) -> None:
    with pytest.raises(PermissionDenied):
        MINTS[kind](environment=environment, hand_over=print, actor=factories.user(role), reason="curious")
    assert not sandbox.world.tokens


def test_a_token_needs_a_reason(kind: str, environment: Environment, admin: User) -> None:
    with pytest.raises(ReasonMissing):
        MINTS[kind](environment=environment, hand_over=print, actor=admin, reason=" ")
    assert not Operation.objects.exists()


def test_the_page_says_what_it_can_do_and_wants_a_reason(kind: str, environment: Environment, client: Client) -> None:
    page = client.get(address(kind, environment)).content.decode()
    assert "Whoever holds it" in page
    assert "one hour" in page
    answer = client.post(address(kind, environment), form(reason=""))
    assert answer.status_code == 422
    assert "Enter a reason" in answer.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "panel"])
def test_it_is_shown_once(
    kind: str, headers: dict[str, str], sandbox: Sandbox, environment: Environment, client: Client
) -> None:
    sent = form()
    first = client.post(address(kind, environment), sent, headers=headers)
    assert is_valid(sandbox.world, shown(first), str(environment.pk))
    assert "no-store" in first["Cache-Control"]
    assert "Create another" not in first.content.decode()
    operation = Operation.objects.get()
    assert operation.sent_at is not None
    assert f"{operation.sent_at + timedelta(hours=1):%H:%M} UTC" in first.content.decode()

    again = client.post(address(kind, environment), sent, headers=headers)
    assert again.status_code == 200
    assert "shown once, when it was created" in again.content.decode()
    assert not SHOWN.search(again.content.decode())
    assert sandbox.requests[RPCS[kind]] == 1


def test_it_is_found_nowhere_but_in_the_one_answer(
    kind: str, sandbox: Sandbox, environment: Environment, client: Client, logged: io.StringIO
) -> None:
    sent = form()
    answer = client.post(address(kind, environment), sent)
    token = shown(answer)
    assert is_valid(sandbox.world, token, str(environment.pk))
    assert token not in str(answer.headers)
    assert token not in str(answer.cookies)
    client.post(address(kind, environment), sent)
    pages = [reverse("environments:detail", args=[environment.pk]), reverse("environments:list"), reverse("overview")]
    operation = Operation.objects.get()
    pages += [reverse("operations:list"), reverse("operations:detail", args=[operation.pk]), address(kind, environment)]
    for page in pages:
        assert token not in client.get(page).content.decode(), page
    for place, text in everything_kept():
        assert token not in text, place
    assert logged.getvalue()
    assert token not in logged.getvalue()


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """All that is logged, by whom and how low ever."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


def everything_kept() -> Iterator[tuple[str, str]]:
    """Every table as text, and every value in Redis."""
    with connection.cursor() as cursor:
        for table in {model._meta.db_table for model in apps.get_models(include_auto_created=True)}:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield table, "\n".join(row for (row,) in cursor.fetchall())
    store = redis.Redis.from_url(portal_settings.REDIS_URL)
    for key in store.scan_iter():
        yield str(key), str(store.dump(key))


def test_a_lost_answer_is_told_and_no_second_token_made(
    kind: str, sandbox: Sandbox, environment: Environment, client: Client
) -> None:
    sandbox.faults.inject("reset_after", rpc=RPCS[kind])
    sent = form()
    for _ in range(2):
        answer = client.post(address(kind, environment), sent)
        assert answer.status_code == 200
        assert "unknown whether a token was created" in answer.content.decode()
        assert not SHOWN.search(answer.content.decode())
    assert len(sandbox.world.tokens) == 1
    assert Operation.objects.get().outcome == Outcome.UNKNOWN


def test_a_refusal_is_told_with_what_was_typed_and_the_next_try_is_another_one(
    kind: str, sandbox: Sandbox, environment: Environment, client: Client
) -> None:
    sandbox.faults.inject("throttled", rpc=RPCS[kind])
    sent = form()
    answer = client.post(address(kind, environment), sent)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Nothing was changed" in page
    assert "to read why it fails" in page
    assert sent["operation_id"] not in page


def test_one_that_does_not_run_gets_none(kind: str, sandbox: Sandbox, client: Client) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    page = client.get(address(kind, environment)).content.decode()
    assert "It is not running." in page
    answer = client.post(address(kind, environment), form())
    assert answer.status_code == 422
    assert "It is not running." in answer.content.decode()
    assert sandbox.requests[RPCS[kind]] == 0


def test_of_one_that_is_gone_at_ona_the_page_says_so(
    kind: str, sandbox: Sandbox, environment: Environment, client: Client
) -> None:
    sandbox.world.remove(str(environment.pk))
    answer = client.post(address(kind, environment), form())
    assert answer.status_code == 422
    assert "Ona does not know it" in answer.content.decode()
