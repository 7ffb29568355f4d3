"""Every kind of change × every role, asked of the action itself: views are not what protects Ona."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from environments.actions.registry import ACTIONS, untraceable
from environments.models import Environment, Secret
from environments.models.secret_scope import ScopeKind
from portal.directory.models import Project
from portal.ledger.models import Operation, Outcome
from tests.automations.actions.kinds import SERVICE, TASK
from tests.environments.actions.kinds import KINDS
from tests.support import automation_factories, factories
from tests.support.databases import undone

pytestmark = pytest.mark.django_db

ROLES = ("", "Viewer", "Operator", "Auditor", "Admin")
OPERATORS = {
    "start", "stop", "mark active", "start service", "start service that failed", "stop service", "start task",
    "stop execution",
}  # fmt: skip
TOKENS = {"environment.create_logs_token", "environment.create_access_token"}
SUPERUSER = "superuser"


def may(role: str, kind: str) -> bool:
    return role in ("Admin", SUPERUSER) or (role == "Operator" and kind in OPERATORS)


@pytest.fixture
def environment() -> Environment:
    now = timezone.now()
    seen: dict[str, Any] = {"first_seen_at": now, "seen_at": now}
    made = factories.environment(class_id=uuid.uuid4())
    Project.objects.create(id=uuid.uuid4(), name="shop", **seen)
    Secret.objects.create(
        id=uuid.uuid4(), name=f"FOR_{made.pk.hex}", scope_kind=ScopeKind.ORGANIZATION, scope_id=made.organization_id,
        changed_at=now, **seen,
    )  # fmt: skip
    automation_factories.service(made, SERVICE)
    automation_factories.execution(automation_factories.task(made, TASK), took=None)
    return made


def somebody(role: str) -> User | AnonymousUser:
    made = factories.user("" if role == SUPERUSER else role)
    User.objects.filter(pk=made.pk).update(is_superuser=role == SUPERUSER)
    return User.objects.get(pk=made.pk)


@pytest.mark.parametrize("role", [*ROLES, SUPERUSER])
def test_an_action_is_open_to_those_who_may_and_to_nobody_else(role: str, environment: Environment) -> None:
    actor = somebody(role)
    for kind in KINDS:
        with undone():
            if may(role, kind):
                operation = KINDS[kind].act(environment, actor)  # nothing listens where Ona should be
                told = (operation.outcome, operation.sent_at, operation.actor_id)
                assert told == (Outcome.FAILED, None, actor.pk), kind
            else:
                assert is_denied(kind, environment, actor), kind
                assert Operation.objects.count() == 0, kind


def test_nobody_in_particular_may_nothing(environment: Environment) -> None:
    for kind in KINDS:
        assert is_denied(kind, environment, AnonymousUser()), kind


def is_denied(kind: str, environment: Environment, actor: User | AnonymousUser) -> bool:
    try:
        KINDS[kind].act(environment, actor)
    except PermissionDenied:
        return True
    return False


def test_every_action_has_a_kind_here_and_a_way_to_tell_what_became_of_it(environment: Environment) -> None:
    actor = somebody(SUPERUSER)
    asked = {KINDS[kind].act(environment, actor).action for kind in KINDS}
    assert asked == {name for name, action in ACTIONS.items() if not (action.many and action.many.steps)}
    assert {name for name, action in ACTIONS.items() if action.proof is untraceable} == TOKENS
