"""The pages that ask for a change: what they say before, and what the environment's page says after."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import ExecutionPhase, Task, TaskExecution
from environments.models import Environment, Phase
from environments.sync.observe import observe
from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.support import factories

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def known(sandbox: Sandbox, condition: Condition | None = None, **parts: Any) -> Environment:
    identifier = sandbox.world.add_environment(condition, **parts)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        observe([client.get_environment(identifier)])
    return Environment.objects.get(pk=identifier)


def address(environment: Environment, act: str = "detail") -> str:
    return reverse(f"environments:{act}", args=[environment.pk])


def words(response: Any) -> str:
    """The text of a page's content."""
    text = response.content.decode()
    start = text.find('<main id="main"')
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[max(start, 0) :])))


def operation_id(response: Any) -> str:
    found = re.search(r'name="operation_id" value="([^"]+)"', response.content.decode())
    assert found
    return found[1]


@pytest.fixture
def admin() -> Client:
    return factories.client("Admin")


def send(client: Client, environment: Environment, act: str, **fields: Any) -> Any:
    form = {"operation_id": str(uuid.uuid4()), "reason": "for a test"} | fields
    return client.post(address(environment, act), form)


def test_without_scripts_a_form_leads_back_to_the_environment_which_says_what_is_asked_for(
    sandbox: Sandbox, admin: Client
) -> None:
    environment = known(sandbox)
    answer = send(admin, environment, "stop")
    assert (answer.status_code, answer["Location"]) == (302, address(environment))
    assert "Stop requested by" in words(admin.get(address(environment)))
    assert "Ona has accepted it. The environment is stopping." in words(admin.get(address(environment)))


def test_with_htmx_a_form_closes_its_panel_and_tells_the_page_to_look(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    panel = admin.get(address(environment, "stop"), headers=HTMX)
    assert panel.content.lstrip().startswith(b'<section id="panel"')
    answer = admin.post(
        address(environment, "stop"), {"operation_id": operation_id(panel), "reason": "x"}, headers=HTMX
    )
    assert answer.status_code == 200
    assert "environment-changed" in answer["HX-Trigger-After-Swap"]


def test_a_form_at_its_own_address_leads_to_the_environment_s_page_with_scripts_too(
    sandbox: Sandbox, admin: Client
) -> None:
    environment = known(sandbox)
    here = address(environment, "stop")
    form = {"operation_id": str(uuid.uuid4()), "reason": "x"}
    answer = admin.post(here, form, headers=HTMX | {"HX-Current-URL": f"http://testserver{here}"})
    assert answer["HX-Redirect"] == address(environment)


def test_sending_the_same_form_twice_asks_once(sandbox: Sandbox, admin: Client) -> None:
    environment, identifier = known(sandbox), str(uuid.uuid4())
    assert [send(admin, environment, "stop", operation_id=identifier).status_code for _ in range(2)] == [302, 302]
    assert Operation.objects.count() == 1
    assert sandbox.requests["EnvironmentService/StopEnvironment"] == 1


def test_a_reason_that_is_missing_is_asked_for_at_the_field_and_nothing_is_sent(
    sandbox: Sandbox, admin: Client
) -> None:
    environment = known(sandbox)
    answer = send(admin, environment, "lockdown", reason=" ", when="exact", at="2031-05-06T07:08")
    assert answer.status_code == 422
    assert "Enter a reason" in words(answer)
    assert b'value="2031-05-06T07:08"' in answer.content  # what was typed is still there
    assert Operation.objects.count() == 0


def test_a_refusal_is_shown_above_the_form_and_the_next_try_is_another_operation(
    sandbox: Sandbox, admin: Client
) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    sandbox.world.change(str(environment.pk), metadata={"archivedAt": "2026-01-01T00:00:00Z"})
    first = str(uuid.uuid4())
    answer = send(admin, environment, "start", operation_id=first, reason="typed before")
    assert answer.status_code == 422
    assert "It failed. Nothing was changed." in words(answer)
    assert "typed before" in answer.content.decode()
    assert operation_id(answer) != first


def test_the_name_has_to_be_typed_before_it_is_deleted(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    answer = send(admin, environment, "delete", typed_name="another")
    assert answer.status_code == 422
    assert "This is not its name" in words(answer)
    assert send(admin, environment, "delete", typed_name=f" {environment.name} ").status_code == 302
    assert sandbox.requests["EnvironmentService/DeleteEnvironment"] == 1


@pytest.mark.parametrize(("when", "days"), [("1", 1), ("30", 30)])
def test_a_lockdown_is_set_by_a_preset(sandbox: Sandbox, admin: Client, when: str, days: int) -> None:
    environment = known(sandbox)
    assert send(admin, environment, "lockdown", when=when).status_code == 302
    environment.refresh_from_db()
    assert abs(environment.lockdown_at - timezone.now() - timedelta(days=days)) < timedelta(minutes=1)


def test_a_lockdown_is_cleared(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox, Condition(lockdown="later"))
    assert send(admin, environment, "lockdown", when="clear").status_code == 302
    environment.refresh_from_db()
    assert environment.lockdown_at is None


@pytest.mark.parametrize(
    ("at", "message"),
    [("", "Say when"), ("2020-01-01T00:00", "This time has passed"), ("soon", "Enter a time such as")],
)
def test_an_exact_time_that_cannot_be_is_refused_at_the_field(
    sandbox: Sandbox, admin: Client, at: str, message: str
) -> None:
    answer = send(admin, known(sandbox), "lockdown", when="exact", at=at)
    assert answer.status_code == 422
    assert message in words(answer)


def test_what_would_be_lost_is_said_before(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox, Condition(git="both"))
    now = timezone.now()
    seen = {"first_seen_at": now, "changed_at": now, "seen_at": now}
    task = Task.objects.create(id=uuid.uuid4(), environment=environment, reference="build", **seen)
    TaskExecution.objects.create(
        id=uuid.uuid4(), environment=environment, task=task, phase=ExecutionPhase.RUNNING, **seen
    )
    text = words(admin.get(address(environment, "stop")))
    assert re.search(r"\d unpushed commits?|\d+ changed files?", text)
    assert "Running task executions: build." in text
    assert "last confirmed by Ona" in text


def test_an_unknown_git_state_counts_as_unsafe(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox, Condition(git="absent"))
    for act in ("stop", "archive", "delete"):
        assert "assume there is some" in words(admin.get(address(environment, act)))


def test_what_cannot_be_done_is_disabled_with_the_reason(sandbox: Sandbox) -> None:
    environment = known(sandbox, Condition("STOPPED"))
    page = words(factories.client("Admin").get(address(environment)))
    assert "Stop is not available: It is not running." in page
    page = words(factories.client("Viewer").get(address(environment)))
    assert "Start is not available: Your roles do not let you do this." in page


def test_an_environment_that_ona_has_no_more_can_be_asked_for_nothing(admin: Client) -> None:
    environment = factories.environment(gone_at=timezone.now())
    page = admin.get(address(environment)).content.decode()
    for act in ("start", "stop", "archive", "delete", "rename", "lockdown"):
        assert f'href="{address(environment, act)}"' not in page


def test_what_ona_does_not_follow_is_flagged(admin: Client) -> None:
    environment = factories.environment(phase=Phase.RUNNING)
    operation = asked(environment, "environment.stop")
    recording.close(operation, Outcome.SUCCEEDED)
    assert "Ona has accepted it" in words(admin.get(address(environment)))
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        assert "not done by Ona yet" in words(admin.get(address(environment)))


def asked(environment: Environment, action: str) -> Operation:
    target = recording.Target("environment", environment.pk, environment.name, environment.pk)
    return recording.begin(action, target, {"actor": factories.user("Admin"), "reason": "x"})[0]


def test_a_newer_wish_takes_the_place_of_an_older_one(admin: Client) -> None:
    environment = factories.environment(phase=Phase.STOPPING)
    for action in ("environment.stop", "environment.start"):
        recording.close(asked(environment, action), Outcome.SUCCEEDED)
    page = words(admin.get(address(environment)))
    assert "Start requested by" in page
    assert "Stop requested by" not in page


def test_an_open_page_follows_what_was_asked_for_without_a_sweep(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox)
    send(admin, environment, "stop")
    sandbox.world.change(str(environment.pk), status={"phase": "ENVIRONMENT_PHASE_STOPPED"})
    poll = admin.get(address(environment), {"tab": "overview", "changed": "x", "seen": "y"}, headers=HTMX)
    assert "Stopped by" in words(poll)
    environment.refresh_from_db()
    assert environment.phase == Phase.STOPPED


def test_hostile_names_and_messages_have_no_effect(sandbox: Sandbox, admin: Client) -> None:
    environment = known(sandbox, metadata={"name": "<img src=x onerror=alert(1)>"})
    for act in ("stop", "delete", "rename", "lockdown"):
        page = admin.get(address(environment, act)).content.decode()
        assert "<img src=x" not in page
    send(admin, environment, "stop", reason="<script>alert(2)</script>")
    assert "<script>alert(2)" not in admin.get(address(environment)).content.decode()
