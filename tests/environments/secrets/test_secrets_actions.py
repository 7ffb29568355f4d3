"""Adding, revaluing and deleting secrets: the ledger, the cache, and what lost answers come to."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.utils import timezone

from environments.actions.execute import NotPossible, ReasonMissing
from environments.actions.registry import ACTIONS, Verdict
from environments.models import Environment, Secret
from environments.models.secret_scope import Scope, ScopeKind
from environments.secrets import actions
from environments.secrets.sync import sync_secrets
from portal.directory.connection import ona
from portal.directory.models import Project
from portal.ledger.models import Operation, Outcome
from portal.ona.documents.tokens import Secret as Value
from portal.sandbox.server import Sandbox
from tests.support import factories

pytestmark = pytest.mark.django_db
CREATE, UPDATE, DELETE = (f"SecretService/{rpc}" for rpc in ("CreateSecret", "UpdateSecretValue", "DeleteSecret"))
VALUE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def _impatient(settings: Any) -> None:
    """Calls give up after a second."""
    settings.ONA_ACTION_SECONDS = 1.0


@pytest.fixture
def admin(db: None) -> User:
    return factories.user("Admin", username="ada")


def scope() -> Scope:
    return Scope(ScopeKind.PROJECT, Project.objects.order_by("id")[0].pk)


def add(actor: User, name: str = "NEW_KEY", **given: Any) -> Operation:
    asked = {
        "environment": None,
        "scope": scope(),
        "mount": {"environmentVariable": True},
        "credential_proxy": None,
        "value": Value(VALUE),
        "reason": "the old one leaked",
    }
    return actions.create_secret(name=name, actor=actor, **asked | given)


def of_project() -> Secret:
    return Secret.objects.present().filter(scope_kind=ScopeKind.PROJECT).order_by("id")[0]


def test_a_secret_is_added_and_at_once_in_the_cache(ona_read: Sandbox, admin: User) -> None:
    environment = Environment.objects.order_by("id")[0]
    proxy = {"targetHosts": ["api.example.com"], "header": "X-Key"}
    operation = add(admin, environment=environment, credential_proxy=proxy, mount={"filePath": "/run/key"})
    assert operation.outcome == Outcome.SUCCEEDED
    secret = Secret.objects.get(name="NEW_KEY")
    assert (secret.scope, secret.mount_kind, secret.mount_target) == (scope(), "file", "/run/key")
    assert (secret.proxy_hosts, secret.proxy_header) == (["api.example.com"], "X-Key")
    assert (operation.target_type, operation.target_id, operation.target_name) == ("secret", secret.pk, "NEW_KEY")
    assert operation.environment_id == environment.pk
    assert operation.before == {"idsOfThisName": []}
    assert operation.after == {"idsOfThisName": [str(secret.pk)]}
    assert operation.request == {
        "name": "NEW_KEY",
        "scope": scope().message,
        "filePath": "/run/key",
        "credentialProxy": proxy,
        "value": "[not kept]",
    }
    assert ona_read.world.secret_matches(str(secret.pk), VALUE)
    assert (secret.reach, secret.uses) == (Environment.objects.present().filter(project_id=scope().id).count(), 0)


def test_a_new_value_reaches_ona_and_its_age_the_page(ona_read: Sandbox, admin: User) -> None:
    secret = of_project()
    before = secret.updated_at
    operation = actions.update_secret_value(secret=secret, value=Value(VALUE), actor=admin, reason="rotation")
    assert operation.outcome == Outcome.SUCCEEDED
    assert ona_read.world.secret_matches(str(secret.pk), VALUE)
    secret.refresh_from_db()
    assert secret.updated_at != before
    assert operation.before["updatedAt"] != operation.after["updatedAt"]
    assert operation.request == {"secretId": str(secret.pk), "value": "[not kept]"}


def test_a_deleted_secret_is_gone_at_once(ona_read: Sandbox, admin: User) -> None:
    secret = of_project()
    operation = actions.delete_secret(secret=secret, actor=admin, reason="unused")
    assert operation.outcome == Outcome.SUCCEEDED
    assert (operation.before, operation.after) == ({"exists": True}, {"exists": False})
    secret.refresh_from_db()
    assert secret.gone_at
    again = actions.delete_secret(secret=secret, actor=admin, reason="unused")
    assert (again.outcome, again.code) == (Outcome.FAILED, "not_found")


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Auditor", ""])
def test_only_admins_may(role: str, ona_read: Sandbox) -> None:
    actor, secret = factories.user(role), of_project()
    calls = (
        lambda: add(actor),
        lambda: actions.update_secret_value(secret=secret, value=Value(VALUE), actor=actor, reason="x"),
        lambda: actions.delete_secret(secret=secret, actor=actor, reason="x"),
    )
    for call in calls:
        with pytest.raises(PermissionDenied):
            call()
    assert not Operation.objects.exists()
    assert not any(ona_read.requests[rpc] for rpc in (CREATE, UPDATE, DELETE))


def test_nothing_is_done_without_a_reason(ona_read: Sandbox, admin: User) -> None:
    with pytest.raises(ReasonMissing):
        add(admin, reason=" ")
    assert not Operation.objects.exists()


def test_a_form_sent_twice_adds_one(ona_read: Sandbox, admin: User) -> None:
    id_ = uuid.uuid4()
    first, second = add(admin, operation_id=id_), add(admin, operation_id=id_)
    assert first.pk == second.pk
    assert ona_read.requests[CREATE] == 1


def test_a_name_that_is_taken_is_explained(ona_read: Sandbox, admin: User) -> None:
    taken = of_project()
    assert taken.scope
    operation = add(admin, name=taken.name, scope=taken.scope)
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "already_exists")
    assert "Choose another name" in operation.explanation


def test_a_secret_whose_scope_is_not_known_is_left_alone(ona_read: Sandbox, admin: User) -> None:
    secret = of_project()
    secret.scope_kind = "something_newer"
    with pytest.raises(NotPossible):
        actions.delete_secret(secret=secret, actor=admin, reason="x")


def test_where_the_scope_cannot_be_read_nothing_is_sent(ona_read: Sandbox, admin: User) -> None:
    ona_read.faults.inject("error503", rpc="ListSecrets")
    operation = add(admin)
    assert (operation.outcome, operation.sent_at) == (Outcome.FAILED, None)
    assert not ona_read.requests[CREATE]


@pytest.mark.django_db(transaction=True)
def test_a_read_back_that_fails_leaves_the_new_secret_in_the_cache(ona_read: Sandbox) -> None:
    actor = factories.user("Admin")
    with ona_read.hold(CREATE) as hold, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(add, actor)
        assert hold.arrived.wait(10)
        ona_read.faults.inject("error503", times=10, rpc="ListSecrets")
        hold.release()
        operation = asked.result()
        pool.submit(connections.close_all).result()
    assert operation.outcome == Outcome.SUCCEEDED
    assert Secret.objects.filter(pk=operation.target_id, name="NEW_KEY").exists()


# Answers that were lost: "lost" is done at Ona, "reset" never reached it.


def proven(operation: Operation) -> Verdict:
    operation.refresh_from_db()
    found = ACTIONS[operation.action].proof(ona(), operation)
    return found[0] if isinstance(found, tuple) else found


def lost(sandbox: Sandbox, rpc: str, kind: str) -> None:
    sandbox.faults.inject(kind, rpc=rpc)


@pytest.mark.parametrize(("kind", "verdict"), [("lost", Verdict.DONE), ("reset", Verdict.NOT_DONE)])
def test_what_became_of_a_creation_is_proven_by_its_name(
    kind: str, verdict: Verdict, ona_read: Sandbox, admin: User
) -> None:
    lost(ona_read, CREATE, kind)
    operation = add(admin)
    assert (operation.outcome, operation.closed_at) == (Outcome.UNKNOWN, None)
    assert proven(operation) == verdict
    if verdict is Verdict.DONE:
        secret = Secret.objects.get(name="NEW_KEY")
        assert actions.created(ona(), operation)[1] == {"target_id": secret.pk}


@pytest.mark.parametrize(("kind", "verdict"), [("lost", Verdict.DONE), ("reset", Verdict.NOT_DONE)])
def test_what_became_of_a_new_value_is_proven_by_its_time(
    kind: str, verdict: Verdict, ona_read: Sandbox, admin: User
) -> None:
    lost(ona_read, UPDATE, kind)
    operation = actions.update_secret_value(secret=of_project(), value=Value(VALUE), actor=admin, reason="x")
    assert operation.outcome == Outcome.UNKNOWN
    assert proven(operation) == verdict


@pytest.mark.parametrize(("kind", "verdict"), [("lost", Verdict.DONE), ("reset", Verdict.NOT_DONE)])
def test_what_became_of_a_deletion_is_proven_by_the_listing(
    kind: str, verdict: Verdict, ona_read: Sandbox, admin: User
) -> None:
    lost(ona_read, DELETE, kind)
    operation = actions.delete_secret(secret=of_project(), actor=admin, reason="x")
    assert operation.outcome == Outcome.UNKNOWN
    assert proven(operation) == verdict


def test_a_creation_undone_since_was_done(ona_read: Sandbox, admin: User) -> None:
    lost(ona_read, CREATE, "lost")
    operation = add(admin)
    sync_secrets(ona())
    actions.delete_secret(secret=Secret.objects.get(name="NEW_KEY"), actor=admin, reason="x")
    assert proven(operation) == Verdict.DONE


def test_a_second_try_that_succeeded_does_not_prove_the_first(ona_read: Sandbox, admin: User) -> None:
    lost(ona_read, CREATE, "reset")
    first = add(admin)
    assert add(admin).outcome == Outcome.SUCCEEDED
    assert proven(first) == Verdict.NOT_DONE


def test_two_lost_creations_of_one_name_prove_neither(ona_read: Sandbox, admin: User) -> None:
    lost(ona_read, CREATE, "reset")
    first = add(admin)
    lost(ona_read, CREATE, "lost")
    second = add(admin)
    assert (proven(first), proven(second)) == (Verdict.UNPROVEN, Verdict.UNPROVEN)


def test_another_new_value_since_proves_nothing(ona_read: Sandbox, admin: User) -> None:
    secret = of_project()
    lost(ona_read, UPDATE, "reset")
    first = actions.update_secret_value(secret=secret, value=Value(VALUE), actor=admin, reason="x")
    actions.update_secret_value(secret=secret, value=Value("another one"), actor=admin, reason="x")
    assert proven(first) == Verdict.UNPROVEN


def test_a_second_deletion_leaves_it_open_which_of_them_did_it(ona_read: Sandbox, admin: User) -> None:
    secret = of_project()
    lost(ona_read, DELETE, "reset")
    first = actions.delete_secret(secret=secret, actor=admin, reason="x")
    actions.delete_secret(secret=secret, actor=admin, reason="x")
    assert proven(first) == Verdict.UNPROVEN


def test_what_was_not_read_before_is_not_proven(admin: User, ona_read: Sandbox) -> None:
    secret = of_project()
    lost(ona_read, DELETE, "lost")
    operation = actions.delete_secret(secret=secret, actor=admin, reason="x")
    operation.before = {}
    assert ACTIONS[operation.action].proof(ona(), operation) == Verdict.UNPROVEN
    Secret.objects.filter(pk=secret.pk).update(scope_kind="")
    assert proven(operation) == Verdict.UNPROVEN


def test_no_row_of_the_ledger_holds_a_value(ona_read: Sandbox, admin: User) -> None:
    for fault in ("", "lost", "error500", "truncated"):
        if fault:
            ona_read.faults.inject(fault, rpc=CREATE)
        add(admin, name=f"KEY_{fault or 'NONE'}")
    rows = list(Operation.objects.values())
    assert len(rows) == 4
    assert VALUE not in json.dumps(rows, default=str)
    assert timezone.now() - rows[0]["asked_at"] < timedelta(minutes=5)
