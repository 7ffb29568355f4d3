"""Creating environments against the stand-in Ona: what Ona gets, what the ledger keeps, what a lost answer proves."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from environments.actions.creation import create_environment, create_environment_from_project
from environments.actions.reconcile import settle_operations
from environments.models import Environment, Phase
from environments.sync.observe import observe
from portal.directory.connection import ona
from portal.directory.models import Project
from portal.directory.sync import sync_directory
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.support import factories

pytestmark = pytest.mark.django_db

CREATE = "EnvironmentService/CreateEnvironment"
FROM_PROJECT = "EnvironmentService/CreateEnvironmentFromProject"
URL = "https://github.com/django/django"


@pytest.fixture
def admin() -> User:
    return factories.user("Admin", username="ann")


@pytest.fixture
def impatient(settings: Any) -> None:
    """A lost answer is given up at once."""
    settings.ONA_ACTION_SECONDS = 0.5


def a_class(sandbox: Sandbox, position: int = 0) -> uuid.UUID:
    return uuid.UUID(sandbox.world.organization.classes[position]["id"])


def made(sandbox: Sandbox) -> int:
    return sum(sandbox.requests[rpc] for rpc in (CREATE, FROM_PROJECT))


def django_environment(sandbox: Sandbox, admin: User, **more: Any) -> Operation:
    return create_environment(**{"url": URL, "class_id": a_class(sandbox), "name": "mine", "actor": admin} | more)


def project(sandbox: Sandbox, position: int = 0) -> Project:
    sync_directory(ona())
    return Project.objects.get(pk=sandbox.world.organization.projects[position]["id"])


def names(sandbox: Sandbox) -> list[str]:
    return [document["metadata"]["name"] for document in sandbox.world.documents()]


def later() -> int:
    """Settle as if every call had had its time."""
    return settle_operations(timezone.now() + timedelta(minutes=10))


def test_one_is_made_from_an_address_and_is_in_the_cache_at_once(sandbox: Sandbox, admin: User) -> None:
    operation = django_environment(sandbox, admin, reason="a new colleague")
    environment = Environment.objects.get(pk=operation.environment_id)
    assert (environment.name, environment.phase) == ("mine", Phase.CREATING)
    assert environment.class_id == a_class(sandbox)
    document = sandbox.world.document(str(environment.pk))
    assert document["spec"]["content"]["initializer"] == {"specs": [{"contextUrl": {"url": URL}}]}
    assert (operation.outcome, operation.target_id, operation.target_name) == (
        Outcome.SUCCEEDED, environment.pk, "mine",
    )  # fmt: skip
    assert operation.reason == "a new colleague"
    assert operation.after == {"contextUrl": URL, "class": str(a_class(sandbox)), "name": "mine"}
    assert operation.before["creator"] == sandbox.world.organization.admin()["userId"]


def test_a_branch_is_cloned_from_the_repository(sandbox: Sandbox, admin: User) -> None:
    operation = django_environment(sandbox, admin, branch="stable/5.2.x")
    git = sandbox.world.document(str(operation.environment_id))["spec"]["content"]["initializer"]["specs"][0]["git"]
    assert (git["remoteUri"], git["cloneTarget"]) == (URL, "stable/5.2.x")
    assert git["targetMode"] == "CLONE_TARGET_MODE_REMOTE_BRANCH"


def test_without_a_name_ona_makes_one_up(sandbox: Sandbox, admin: User) -> None:
    operation = django_environment(sandbox, admin, name="")
    assert operation.target_name == URL
    assert Environment.objects.get(pk=operation.environment_id).name == "django"


def test_one_is_made_from_a_project_on_its_first_class(sandbox: Sandbox, admin: User) -> None:
    chosen = project(sandbox)
    operation = create_environment_from_project(project=chosen, name="mine", actor=admin)
    environment = Environment.objects.get(pk=operation.environment_id)
    assert environment.project_id == chosen.pk
    assert (
        str(environment.class_id)
        == sandbox.world.organization.projects[0]["environmentClasses"][0]["environmentClassId"]
    )
    assert operation.request == {"projectId": str(chosen.pk), "name": "mine"}
    assert operation.after["project"] == chosen.name


def test_a_project_may_be_given_another_of_its_classes(sandbox: Sandbox, admin: User) -> None:
    chosen = project(sandbox)
    class_id = uuid.UUID(sandbox.world.organization.projects[0]["environmentClasses"][1]["environmentClassId"])
    operation = create_environment_from_project(project=chosen, class_id=class_id, actor=admin)
    assert Environment.objects.get(pk=operation.environment_id).class_id == class_id


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Auditor", ""])
def test_others_than_admins_may_not(sandbox: Sandbox, role: str) -> None:
    with pytest.raises(PermissionDenied):
        django_environment(sandbox, factories.user(role))
    chosen = project(sandbox)
    with pytest.raises(PermissionDenied):
        create_environment_from_project(project=chosen, actor=factories.user(role))
    assert (made(sandbox), Operation.objects.count()) == (0, 0)


def test_asked_for_twice_under_one_id_it_is_made_once(sandbox: Sandbox, admin: User) -> None:
    identifier = uuid.uuid4()
    first, second = (django_environment(sandbox, admin, operation_id=identifier) for _ in range(2))
    assert first.environment_id == second.environment_id
    assert made(sandbox) == 1


def test_a_disabled_class_is_refused_in_words(sandbox: Sandbox, admin: User) -> None:
    operation = django_environment(sandbox, admin, class_id=a_class(sandbox, -1))
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "failed_precondition")
    assert operation.explanation.startswith("Nothing was created.")
    assert "is disabled" in operation.explanation
    assert operation.environment_id is None


def test_an_unknown_class_is_refused_in_words(sandbox: Sandbox, admin: User) -> None:
    operation = django_environment(sandbox, admin, class_id=uuid.uuid4())
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "invalid_argument")
    assert "no environment class" in operation.explanation


def test_the_hosts_that_nobody_signed_in_to_are_named(sandbox: Sandbox, admin: User) -> None:
    operation = django_environment(sandbox, admin, url="https://git.private.example/platform/vault")
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "failed_precondition")
    assert "git.private.example" in operation.explanation
    assert "Git authentication" in operation.explanation


def test_the_limit_per_person_is_told(connect: Callable[..., Any], admin: User) -> None:
    with connect(World(environments=40, seed=11), token="sandbox-token-member") as sandbox:
        sandbox.world.organization.policies["maximumEnvironmentsPerUser"] = "1"
        member = sandbox.world.organization.members[2]["userId"]
        sandbox.world.add_environment(metadata={"creator": {"id": member, "principal": "PRINCIPAL_USER"}})
        operation = django_environment(sandbox, admin)
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "resource_exhausted")
    assert "limit of 1" in operation.explanation
    assert "delete" in operation.explanation.lower()


def test_nothing_is_sent_where_ona_cannot_be_read_before(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("error503", rpc="EnvironmentService/ListEnvironments")
    operation = django_environment(sandbox, admin)
    assert (operation.outcome, operation.sent_at, made(sandbox)) == (Outcome.FAILED, None, 0)


# A lost answer


def test_a_lost_answer_is_found_out_by_what_ona_has_since(sandbox: Sandbox, admin: User, impatient: None) -> None:
    sandbox.faults.inject("lost", rpc=CREATE)
    operation = django_environment(sandbox, admin)
    assert (operation.outcome, operation.environment_id) == (Outcome.UNKNOWN, None)
    assert settle_operations() == 1
    operation.refresh_from_db()
    assert operation.outcome == Outcome.SUCCEEDED
    assert Environment.objects.get(pk=operation.environment_id).name == "mine"
    assert operation.target_id == operation.environment_id


def test_a_lost_answer_of_a_creation_from_a_project_too(sandbox: Sandbox, admin: User, impatient: None) -> None:
    chosen = project(sandbox)
    sandbox.faults.inject("reset_after", rpc=FROM_PROJECT)
    operation = create_environment_from_project(project=chosen, actor=admin)
    assert operation.outcome == Outcome.UNKNOWN
    assert settle_operations() == 1
    operation.refresh_from_db()
    assert Environment.objects.get(pk=operation.environment_id).project_id == chosen.pk


def test_the_first_one_of_all_is_found_too(connect: Callable[..., Any], admin: User) -> None:
    with connect(World(environments=0, seed=11)) as sandbox:
        sandbox.faults.inject("reset_after", rpc=CREATE)
        operation = django_environment(sandbox, admin)
        assert "newest" not in operation.before
        assert settle_operations() == 1
        operation.refresh_from_db()
        assert operation.outcome == Outcome.SUCCEEDED


def test_a_request_that_never_arrived_made_nothing(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset", rpc=CREATE)
    operation = django_environment(sandbox, admin)
    assert (settle_operations(), later()) == (0, 1)  # it may still be on its way for a while
    operation.refresh_from_db()
    assert (operation.outcome, operation.environment_id) == (Outcome.FAILED, None)


def test_what_another_operation_made_is_not_taken_for_it(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset", rpc=CREATE)
    lost = django_environment(sandbox, admin)
    assert django_environment(sandbox, admin).outcome == Outcome.SUCCEEDED
    later()
    lost.refresh_from_db()
    assert (lost.outcome, lost.environment_id) == (Outcome.FAILED, None)


def test_of_two_alike_nobody_knows_which_is_whose(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset", rpc=CREATE)
    sandbox.faults.inject("reset_after", rpc=CREATE)
    both = [django_environment(sandbox, admin) for _ in range(2)]
    later()
    for operation in both:
        operation.refresh_from_db()
        assert (operation.outcome, operation.environment_id) == (Outcome.UNKNOWN, None)
        assert operation.closed_at


def test_what_was_there_before_a_like_one_was_asked_for_is_not_made_by_that(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset_after", rpc=CREATE)
    sandbox.faults.inject("reset", rpc=CREATE)
    first, second = (django_environment(sandbox, admin) for _ in range(2))
    later()
    for operation in (first, second):
        operation.refresh_from_db()
    assert (first.outcome, second.outcome) == (Outcome.SUCCEEDED, Outcome.FAILED)


def test_two_that_differ_are_told_apart(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset_after", times=2, rpc=CREATE)
    one, other = (django_environment(sandbox, admin, name=name) for name in ("one", "other"))
    assert settle_operations() == 2
    for operation in (one, other):
        operation.refresh_from_db()
    assert Environment.objects.get(pk=one.environment_id).name == "one"
    assert Environment.objects.get(pk=other.environment_id).name == "other"


def test_one_that_was_renamed_meanwhile_proves_nothing(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset_after", rpc=CREATE)
    operation = django_environment(sandbox, admin)
    new = next(document["id"] for document in sandbox.world.documents() if document["metadata"]["name"] == "mine")
    sandbox.world.change(new, metadata={"name": "somebody else's"})
    later()
    operation.refresh_from_db()
    assert (operation.outcome, operation.environment_id) == (Outcome.UNKNOWN, None)


def test_one_that_was_deleted_meanwhile_is_not_called_never_made(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset_after", rpc=CREATE)
    operation = django_environment(sandbox, admin)
    new = next(document["id"] for document in sandbox.world.documents() if document["metadata"]["name"] == "mine")
    observe([ona().get_environment(new)])
    Environment.objects.filter(pk=new).update(gone_at=timezone.now())
    sandbox.world.remove(new)
    later()
    operation.refresh_from_db()
    assert operation.outcome == Outcome.UNKNOWN


def test_what_the_identity_made_elsewhere_on_another_class_is_not_it(sandbox: Sandbox, admin: User) -> None:
    sandbox.faults.inject("reset", rpc=CREATE)
    operation = django_environment(sandbox, admin)
    ona().create_environment({"machine": {"class": str(a_class(sandbox, 1))}}, name="mine")
    later()
    operation.refresh_from_db()
    assert operation.outcome == Outcome.FAILED
    assert names(sandbox).count("mine") == 1
