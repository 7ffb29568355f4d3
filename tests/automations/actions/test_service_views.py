"""Services made, changed, started, stopped and deleted on the Automations tab."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from automations.models import Service
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.automations.environment_tab import tab
from tests.automations.environment_tab.tab import send, there, url
from tests.support import factories
from tests.support.editor import fields, words

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """A small organization, connected."""
    with connect(World(environments=2, seed=11)) as server:
        yield server


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


@pytest.fixture
def environment(sandbox: Sandbox) -> Environment:
    return tab.environment(sandbox)


def test_a_service_is_made_of_what_was_typed(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    secret = factories.secret(scope_kind="organization", scope_id=environment.organization_id, name="DB_URL")
    answer = send(
        admin, tab.new("service", environment), reference="db", name="Database", triggers=["manual", "prebuild"],
        start="run\r\n--fast", ready="check", timeout="90s", runs_on="docker", image="postgres:17",
        lines="A=1\r\n\r\nB=2", reason="the shop needs one", variables__0__name="TOKEN",
        variables__0__value="canary-typed", variables__1__name="URL", variables__1__source=str(secret.pk),
    )  # fmt: skip
    assert tab.saved(answer)
    document = there(sandbox, Service.objects.get(reference="db"))
    assert document["metadata"]["triggeredBy"] == [{"manual": True}, {"prebuild": True}]
    spec = document["spec"]
    assert spec["commands"] == {"start": "run\n--fast", "ready": "check"}
    assert spec["runsOn"] == {"docker": {"image": "postgres:17", "environment": ["A=1", "B=2"]}}
    assert spec["readinessTimeout"] == "90s"
    assert spec["env"] == [
        {"name": "TOKEN", "value": "canary-typed"},
        {"name": "URL", "valueFrom": {"secretRef": {"id": str(secret.pk)}}},
    ]


def test_errors_stand_beside_their_fields_and_nothing_typed_is_lost(environment: Environment, admin: Client) -> None:
    answer = send(
        admin, tab.new("service", environment), reference="no blanks", name="Database", start="   ", timeout="25h",
        runs_on="docker", description="kept words", variables__0__name="TOKEN", variables__0__value="canary-typed",
    )  # fmt: skip
    text = words(answer)
    assert answer.status_code == 422
    for error in (
        "Letters, digits, _ and - only",
        "Enter the command that starts the service",
        "At most 24 hours",
        "Enter the image",
        "Enter a reason",
    ):
        assert error in text
    assert fields(answer)["description"] == ["kept words"]
    assert "canary" not in answer.content.decode()
    again = send(admin, tab.new("service", environment), answer)
    assert "Enter the value again" in words(again)
    assert Operation.objects.count() == 0


def test_opening_and_saving_a_service_unchanged_changes_nothing(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    service = tab.service(sandbox, environment)
    opened = admin.get(url("edit", service))
    assert "canary" not in opened.content.decode()
    answer = send(admin, url("edit", service), opened, reason="none")
    assert "Nothing is changed yet" in words(answer)


def test_only_what_was_changed_is_sent_and_values_left_blank_stay(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    service = tab.service(sandbox, environment)
    before = there(sandbox, service)["spec"]
    answer = send(
        admin, url("edit", service), description="New words", stop="", variables__0__name="MODUS",
        variables__1__value="other", reason="tidy",
    )  # fmt: skip
    assert tab.saved(answer)
    now = there(sandbox, service)
    assert now["metadata"]["description"] == "New words"
    assert now["spec"]["env"] == [{"name": "MODUS", "value": "canary-mode"}, {"name": "LEVEL", "value": "other"}]
    assert now["spec"]["commands"]["start"] == before["commands"]["start"]
    assert now["spec"]["commands"].get("stop", "") == ""
    assert now["spec"]["runsOn"] == before["runsOn"]
    operation = Operation.objects.get()
    assert operation.outcome == Outcome.SUCCEEDED
    assert set(operation.request) == {"id", "metadata", "spec"}
    assert set(operation.request["spec"]) == {"commands", "env"}
    assert "canary" not in repr((operation.request, operation.before, operation.after))


def test_it_can_be_moved_into_the_devcontainer(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    service = tab.service(sandbox, environment)
    assert tab.saved(send(admin, url("edit", service), runs_on="devcontainer", reason="simpler"))
    assert not there(sandbox, service)["spec"].get("runsOn")


def test_the_last_variable_stays(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    service = tab.service(sandbox, environment)
    removed = {"variables__0__DELETE": "on", "variables__1__DELETE": "on"}
    answer = send(admin, url("edit", service), reason="tidy", **removed)
    assert "The last variable cannot be removed" in words(answer)


def test_of_a_service_that_is_not_stopped_only_the_words_can_be_changed(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    service = tab.service(sandbox, environment)
    opened = admin.get(url("edit", service))
    admin.post(url("start", service), {"operation_id": str(uuid.uuid4())})
    late = send(admin, url("edit", service), opened, name="Other name", start="typed meanwhile", reason="faster")
    assert late.status_code == 422
    assert "Stop it in a new tab" in words(late)
    assert fields(late)["start"] == ["typed meanwhile"]
    closed = admin.get(url("edit", service))
    assert "Stop it first" in words(closed)
    assert tab.saved(send(admin, url("edit", service), closed, name="Other name", start="ignored", reason="clearer"))
    now = there(sandbox, service)
    assert (now["metadata"]["name"], now["spec"]["commands"]["start"]) == ("Other name", "serve\n  --port 80\n")


def test_a_change_by_somebody_else_is_shown_and_mine_can_be_used(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    service = tab.service(sandbox, environment)
    opened = admin.get(url("edit", service))
    env = [{"name": "MODE", "value": "canary-theirs"}]
    sandbox.world.change_automation("SERVICE", str(service.pk), {"metadata": {"name": "Theirs"}, "spec": {"env": env}})
    answer = send(
        admin, url("edit", service), opened, name="Mine", reason="why I do", variables__0__value="canary-mine"
    )
    text = words(answer)
    assert answer.status_code == 422
    assert "Name Before Web Theirs Theirs (changed) Mine Mine (changed)" in text
    assert "Variable MODE Before a value, not shown" in text
    assert "canary" not in answer.content.decode()
    assert Operation.objects.get().code == "conflict"
    assert there(sandbox, service)["metadata"]["name"] == "Theirs"
    mine = send(admin, url("edit", service), answer, variables__0__value="canary-mine", variables__1__DELETE="on")
    assert tab.saved(mine), words(mine)
    now = there(sandbox, service)
    assert (now["metadata"]["name"], now["spec"]["env"]) == ("Mine", [{"name": "MODE", "value": "canary-mine"}])


def test_a_form_that_was_tampered_with_says_so(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    service = tab.service(sandbox, environment)
    answer = send(admin, url("edit", service), seen_values="forged", name="Mine", reason="x")
    assert "It is no longer known which version this form was made from" in words(answer)


def test_it_is_started_by_one_press_and_stopped_with_a_reason(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    service = tab.service(sandbox, environment)
    answer = admin.post(url("start", service), {"operation_id": str(uuid.uuid4())})
    assert tab.saved(answer)
    assert there(sandbox, service)["spec"]["desiredPhase"] == "SERVICE_PHASE_RUNNING"
    assert "started by" in words(admin.get(answer["Location"]))
    sandbox.world.advance(timedelta(minutes=2))
    assert "Enter a reason" in words(send(admin, url("stop", service)))
    assert tab.saved(send(admin, url("stop", service), reason="not needed"))
    assert there(sandbox, service)["spec"]["desiredPhase"] == "SERVICE_PHASE_STOPPED"


def test_a_start_beside_the_panel_leaves_the_panel_alone_and_a_refused_one_opens_it(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    service = tab.service(sandbox, environment)
    pressed = {"operation_id": str(uuid.uuid4()), "here": "yes"}
    answer = admin.post(url("start", service), pressed, headers=HTMX)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "environment-changed" in answer["HX-Trigger"]
    again = admin.post(url("start", service), pressed | {"operation_id": str(uuid.uuid4())}, headers=HTMX)
    assert again.status_code == 422
    assert "It is already running" in words(again)


def test_one_that_runs_is_deleted_by_force_alone(sandbox: Sandbox, environment: Environment, admin: Client) -> None:
    service = tab.service(sandbox, environment)
    admin.post(url("start", service), {"operation_id": str(uuid.uuid4())})
    refused = send(admin, url("delete", service), reason="old")
    assert "Stop it first, or delete it by force" in words(refused)
    assert tab.saved(send(admin, url("delete", service), refused, force="on"))
    assert str(service.pk) not in sandbox.world.services.entries
    service.refresh_from_db()
    assert service.gone_at is not None


def test_a_service_of_another_environment_is_not_found(
    sandbox: Sandbox, environment: Environment, admin: Client
) -> None:
    service = tab.service(sandbox, environment)
    elsewhere = url("edit", service).replace(str(environment.pk), str(factories.environment().pk))
    assert admin.get(elsewhere).status_code == 404
