"""The pages of batches that act on environments: who may, the plan, the moment of a lockdown, again where it failed."""

from __future__ import annotations

import html
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from automations.batches.registry import KINDS
from automations.batches.start import start_batch
from automations.models import Batch, ItemState, Task
from environments.actions import metadata, registry
from environments.models import Environment, Phase
from portal.accounts.roles import grant_roles
from portal.ledger.models import Operation
from tests.support import automation_factories as made
from tests.support import factories, operations
from tests.support.exports import read

pytestmark = pytest.mark.django_db(transaction=True)
NEW = "/operations/batches/new/"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _roles(transactional_db: None) -> None:
    grant_roles(apps)
    cache.clear()


def asked(action: str, rows: list[Environment], **fields: Any) -> dict[str, Any]:
    plain = {
        "operation_id": str(uuid.uuid4()), "action": action, "reference": "", "at_once": "3", "stop_after": "2",
        "reason": "why not", "target": [str(row.pk) for row in rows], "chosen_from": f"action={action}&q=phase:running",
    }  # fmt: skip
    return plain | fields


def in_days(days: int) -> str:
    return f"{timezone.now() + days * DAY:%Y-%m-%dT%H:%M}"


def ticked(page: str) -> list[str]:
    return re.findall(r'name="target"\s+value="([^"]+)" checked', page)


@pytest.mark.parametrize("action", [name for name, kind in KINDS.items() if kind.action.subject == "environment"])
@pytest.mark.parametrize("role", ["Viewer", "Auditor", "Operator", "Admin"])
def test_the_page_is_for_those_who_may_do_the_action_and_says_of_others_that_they_may_not(
    role: str, action: str
) -> None:
    row = factories.environment()
    client, permission = factories.client(role), KINDS[action].action.permission
    is_allowed = role == "Admin" or (role == "Operator" and permission == registry.OPERATE)
    confirmed = {"count": "1"}
    assert client.get(NEW, {"action": action}).status_code == (200 if is_allowed else 403)
    chosen = {name: make().choices[0][0] for name, make in KINDS[action].many.fields.items()}
    answer = client.post(NEW, asked(action, [row], lockdown_at=in_days(3), **chosen, **confirmed))
    assert answer.status_code == (302 if is_allowed else 403)
    assert Batch.objects.exists() is is_allowed
    if role == "Operator":
        options = dict(re.findall(r'<option value="([^"]*)"([^>]*)>', client.get(NEW).content.decode()))
        assert ("disabled" in options[action]) is not is_allowed


def test_nothing_is_planned_before_it_is_said_what() -> None:
    factories.environment(name="quiet-otter")
    client = factories.client("Operator")
    assert "quiet-otter" not in client.get(NEW).content.decode()
    assert "Enter the reference of a task or service" in client.get(NEW, {"action": "task.start"}).content.decode()
    assert "quiet-otter" not in client.get(NEW, {"action": "environment.rename"}).content.decode()


def test_the_plan_ticks_what_can_be_stopped_names_what_cannot_and_says_what_is_at_risk() -> None:
    runner = factories.environment(name="runner", unpushed_commits=1, changed_files=0)
    factories.environment(name="sleeper", phase=Phase.STOPPED)
    page = factories.client("Operator").get(NEW, {"action": "environment.stop"}).content.decode()
    assert ticked(page) == [str(runner.pk)]
    assert "1 unpushed commit." in page
    assert "1: It is not running." in page
    assert "sleeper" in page
    assert "No filter is set" in page


def test_a_batch_of_environments_begins_and_has_a_page_and_a_line() -> None:
    rows = [factories.environment() for _ in range(2)]
    client = factories.client("Operator")
    answer = client.post(NEW, asked("environment.stop", rows))
    batch = Batch.objects.get()
    assert {item.target_id for item in batch.items.all()} == {row.pk for row in rows}
    page = client.get(answer["Location"]).content.decode()
    assert re.search(r"<h1[^>]*>\s*Stop\s+2 environments", page)
    assert "why not" in page
    listed = " ".join(client.get("/operations/batches/").content.decode().split())
    assert re.search(r">Stop</a> <div class=\"list-source\">\s*2 environments<", listed)


def test_a_tasks_reference_that_was_typed_before_is_no_part_of_an_action_on_environments() -> None:
    row = factories.environment()
    client = factories.client("Operator")
    plan = client.get(NEW, {"action": "environment.stop", "reference": "build"}).content.decode()
    assert not re.search(r'name="reference"[^>]*value="build"', plan)
    client.post(NEW, asked("environment.stop", [row], reference="build"))
    assert Batch.objects.get().reference == ""
    assert Operation.objects.get(pk=Batch.objects.get().pk).target_name == "1 environment"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("", "Say when."),
        ("soon", "Enter a time such as"),
        ("2020-01-01T10:00", "This time has passed"),
    ],
)
def test_a_moment_that_makes_no_sense_is_told_beside_its_field_and_nothing_typed_is_lost(
    moment: str, words: str
) -> None:
    rows = [factories.environment() for _ in range(2)]
    answer = factories.client("Admin").post(
        NEW, asked("environment.set_lockdown", rows[:1], lockdown_at=moment, stop_after="7", reason="extended")
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    told = re.search(r'id="id_lockdown_at_error">([^<]*)<', page)
    assert told is not None
    assert words in told[1]
    assert not moment or f'value="{moment}"' in page
    assert 'value="7"' in page
    assert "extended" in page
    assert ticked(page) == [str(rows[0].pk)]
    assert not Batch.objects.exists()


def test_one_moment_is_for_all_and_stands_in_the_ledger_on_the_pages_and_in_the_export() -> None:
    rows = [factories.environment() for _ in range(2)]
    admin = factories.client("Admin")
    answer = admin.post(NEW, asked("environment.set_lockdown", rows, lockdown_at="2090-05-06T07:08"))
    assert Operation.objects.get(pk=Batch.objects.get().pk).request["lockdownAt"] == "2090-05-06T07:08:00Z"
    for address in (answer["Location"], "/operations/batches/"):
        assert "2090-05-06 07:08:00 UTC" in admin.get(address).content.decode()
    assert read(admin, "/operations/batches/export/").column("lockdown_at") == ["2090-05-06T07:08:00Z"]


@pytest.mark.parametrize(("days", "is_kept"), [(3, True), (-3, False)])
def test_again_is_for_those_that_failed_with_the_same_moment_as_long_as_it_lies_ahead(days: int, is_kept: bool) -> None:
    failed, good = (factories.environment() for _ in range(2))
    ahead = (timezone.now() + 5 * DAY).replace(second=0, microsecond=0)
    candidates = KINDS["environment.set_lockdown"].chosen([failed.pk, good.pk])
    start_batch(
        action=metadata.SET_LOCKDOWN, reference="", candidates=candidates, at_once=1, stop_after=None,
        lockdown_at=ahead, actor=factories.user("Admin"), reason="extended",
    )  # fmt: skip
    batch = Batch.objects.get()
    batch.items.filter(environment_id=failed.pk).update(state=ItemState.FAILED)
    batch.items.filter(environment_id=good.pk).update(state=ItemState.SUCCEEDED)
    Batch.objects.update(closed_at=batch.asked_at)
    if not is_kept:
        _as_if_asked_for(batch, timezone.now() + days * DAY)
    admin = factories.client("Admin")
    link = re.search(
        r'href="([^"]+)">\s*Retry failed \(1\)',
        admin.get(f"/operations/batches/{batch.pk}/").content.decode(),
    )
    assert link
    page = admin.get(html.unescape(link[1])).content.decode()
    assert ticked(page) == [str(failed.pk)]
    assert (f'value="{ahead:%Y-%m-%d %H:%M}"' in page) is is_kept


def _as_if_asked_for(batch: Batch, moment: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_operation DISABLE TRIGGER ledger_update")
        cursor.execute(
            "UPDATE ledger_operation SET request = request || jsonb_build_object('lockdownAt', %s::text) WHERE id = %s",
            [moment.isoformat(), batch.pk],
        )
        cursor.execute("ALTER TABLE ledger_operation ENABLE TRIGGER ledger_update")


def test_only_those_who_may_archive_can_cancel_or_repeat_an_archiving() -> None:
    batch = made.batch(factories.environment(), action="environment.archive", reference="")
    for role, may in (("Operator", False), ("Admin", True)):
        client = factories.client(role)
        assert ("Cancel waiting" in client.get(f"/operations/batches/{batch.pk}/").content.decode()) is may
        answer = client.post(f"/operations/batches/{batch.pk}/cancel/")
        assert answer.status_code == (302 if may else 403)
    assert batch.items.get().state == ItemState.LEFT_OUT


@pytest.mark.parametrize("action", ["environment.stop", "environment.set_lockdown"])
def test_the_plan_takes_as_many_queries_for_many_as_for_few(action: str) -> None:
    client, counts = factories.client("Admin"), []
    for count in (2, 10):
        for _ in range(count):
            made.execution(made.task(factories.environment(unpushed_commits=1)), took=None)
        client.get(NEW, {"action": action})
        with CaptureQueriesContext(connection) as queries:
            client.get(NEW, {"action": action})
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_list_hands_its_environments_on_to_those_who_may_do_something() -> None:
    factories.environment()
    for role, may in (("Viewer", False), ("Auditor", False), ("Operator", True)):
        page = factories.client(role).get("/environments/", {"q": "phase:running"}).content.decode()
        assert ("Bulk actions…" in page) is may
        assert (f'href="{NEW}?phase=running' in page) is may


def test_a_plan_that_somebody_overtook_names_the_lockdowns_and_asks_again() -> None:
    rows = [factories.environment(name=name, lockdown_at=None) for name in ("one", "two")]
    admin = factories.client("Admin")

    def shown(page: str) -> str:
        found = re.search(r'name="shown" value="([^"]+)"', page)
        assert found
        return found[1]

    form = asked("environment.set_lockdown", rows, lockdown_at=in_days(3))
    form["shown"] = shown(admin.get(NEW, {"action": "environment.set_lockdown"}).content.decode())
    Environment.objects.filter(pk=rows[1].pk).update(lockdown_at="2090-05-06T07:08Z")
    answer = admin.post(NEW, form)
    page = answer.content.decode()
    assert (answer.status_code, Batch.objects.count()) == (422, 0)
    assert "two: was none, is 2090-05-06 07:08 UTC" in page
    assert "one: was" not in page
    assert admin.post(NEW, form | {"shown": shown(page)}).status_code == 302
    assert admin.post(NEW, form | {"shown": shown(page)}).status_code == 302  # the same again
    other = admin.post(NEW, form | {"shown": shown(page), "at_once": "4"})
    assert other.status_code == 409
    assert "already sent with other content" in other.content.decode()
    assert Batch.objects.count() == 1


def test_a_deletion_has_only_archived_ones_selected_and_its_number_typed_and_can_be_withdrawn() -> None:
    archived = factories.environment(name="old", archived_at=timezone.now(), unpushed_commits=3, changed_files=0)
    active = factories.environment(name="new")
    admin = factories.client("Admin")
    page = admin.get(NEW, {"action": "environment.delete"}).content.decode()
    assert ticked(page) == [str(archived.pk)]
    assert all(words in page for words in ("3 unpushed commits", "not archived", "cannot be restored", "10 min"))
    form = asked("environment.delete", [archived, active])
    for count, said in (("", "This field is required"), ("1", "2 selected: type that number")):
        answer = admin.post(NEW, form | {"count": count})
        assert (answer.status_code, Batch.objects.count()) == (422, 0)
        assert said in answer.content.decode()
    answer = admin.post(NEW, form | {"count": "2"})
    batch = Batch.objects.get()
    assert batch.begins_at
    page = admin.get(answer["Location"]).content.decode()
    assert "can be withdrawn until then" in page
    assert "Withdraw</button>" in page
    admin.post(f"/operations/batches/{batch.pk}/cancel/")
    assert {item.state for item in batch.items.all()} == {ItemState.LEFT_OUT}


def test_a_paused_batch_says_so_and_is_continued_by_those_who_may() -> None:
    rows = [factories.environment() for _ in range(3)]
    operator = factories.client("Operator")
    address = operator.post(NEW, asked("environment.stop", rows, look_after="1"))["Location"]
    batch = Batch.objects.get()
    assert "Continue with" not in operator.get(address).content.decode()
    batch.first().update(state=ItemState.SUCCEEDED)
    assert "Continue with" not in factories.client("Viewer").get(address).content.decode()
    page = operator.get(address).content.decode()
    assert all(words in page for words in ("after the first 1", "Continue with 2", "Stop the rest"))
    assert factories.client("Viewer").post(f"{address}continue/").status_code == 403
    assert operator.post(f"{address}continue/").status_code == 302
    assert "Continue with" not in operator.get(address).content.decode()


def test_a_batch_that_ended_leads_to_its_inverse_for_those_that_succeeded() -> None:
    rows = [factories.environment(phase=Phase.STOPPED) for _ in range(3)]
    admin = factories.client("Admin")
    batch = made.batch(rows[0], action="environment.stop", reference="")
    for row in rows[1:]:
        batch.items.create(environment_id=row.pk, target_id=row.pk)
    batch.items.filter(environment_id=rows[0].pk).update(state=ItemState.FAILED)
    batch.items.exclude(environment_id=rows[0].pk).update(state=ItemState.SUCCEEDED)
    address = f"/operations/batches/{batch.pk}/"
    assert "Undo:" not in admin.get(address).content.decode()
    Batch.objects.update(closed_at=batch.asked_at)
    link = re.search(r'href="([^"]+)">Undo: start again \(2\)', admin.get(address).content.decode())
    assert link
    page = admin.get(html.unescape(link[1])).content.decode()
    assert set(ticked(page)) == {str(row.pk) for row in rows[1:]}
    admin.post(NEW, asked("environment.start", rows[1:], undo_of=str(batch.pk)))
    assert Batch.objects.get(undo_of=batch.pk).action == "environment.start"
    admin.post(NEW, asked("environment.archive", rows[1:], undo_of=str(batch.pk)))  # that does not take it back
    assert Batch.objects.get(action="environment.archive").undo_of is None


def test_values_before_are_told_in_the_plan_of_their_return() -> None:
    row = factories.environment()
    batch = made.batch(row, action="environment.edit_timeout", reference="")
    operation = operations.operation(
        action=batch.action, environment_id=row.pk, parent_id=batch.pk, outcome="succeeded",
        before={"disconnected": "28800s", "specVersion": "3"}, after={"disconnected": "3600s", "specVersion": "4"},
    )  # fmt: skip
    batch.items.update(state=ItemState.SUCCEEDED, operation_id=operation.pk)
    page = factories.client("Admin").get(NEW, {"action": batch.action, "undo": str(batch.pk)}).content.decode()
    assert "back to: <bdi>timeout 8 h</bdi>" in page
    assert "Stop after<" not in page
    answer = factories.client("Admin").post(NEW, asked(batch.action, [row], undo_of=str(batch.pk)))
    assert "Undo: Set timeout" in factories.client("Admin").get(answer["Location"]).content.decode()


def test_tasks_of_the_selected_environments_lead_to_their_plans() -> None:
    running, stopped = factories.environment(), factories.environment(phase=Phase.STOPPED)
    for row in (running, stopped):
        made.task(row, "reindex")
    made.task(factories.environment(name="elsewhere"), "other")
    operator = factories.client("Operator")
    query = {"action": "task.start", "id": [running.pk.hex, stopped.pk.hex]}
    page = " ".join(operator.get(NEW, query).content.decode().split())
    assert "<strong>reindex</strong></bdi> in 2, 1 running" in page
    assert "other</strong>" not in page
    link = re.search(r'href="([^"]*start_first=yes[^"]*)"', page)
    assert link
    plan = operator.get(NEW + html.unescape(link[1])).content.decode()
    assert len(ticked(plan)) == 2
    assert "started first" in plan
    tasks = Task.objects.filter(environment__in=[running, stopped])
    operator.post(
        NEW,
        asked("task.start", [], target=[str(task.pk) for task in tasks], reference="reindex", start_first="True"),
    )
    steps = dict(Batch.objects.get().items.values_list("environment_id", "steps"))
    assert steps == {running.pk: [], stopped.pk: ["environment.start", "task.start", "environment.stop"]}
