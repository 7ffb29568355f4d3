"""`/operations/stream/`: operations and Ona's own audit log, one after the other."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from environments.models import SyncRun
from portal.ledger.access_log.recording import record_access
from portal.ledger.audit_log_matching import match, match_recent
from portal.ledger.models import AccessKind, AuditLog, AuditLogGap, Outcome
from tests.support import factories, operations
from tests.support.audit_entries import entry, own, person
from tests.support.databases import undone

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
HTMX = {"HX-Request": "true", "HX-Target": "list"}


@pytest.fixture
def viewer() -> Client:
    return factories.client()


def get(client: Client, **query: str) -> str:
    response = client.get(reverse("operations:stream"), query)
    assert response.status_code == 200
    return response.content.decode()


def text(page: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index('id="list"') :])))


def ids(page: str) -> list[str]:
    """The rows of a page in their order: o and a, each with the id."""
    return re.findall(r'<tr id="([oa][0-9a-f]{32})"', page)


def next_of(page: str, which: str = "next-page") -> dict[str, str] | None:
    found = re.search(rf'id="{which}"\s+href="\?([^"]*)"', page)
    return dict(pair.split("=", 1) for pair in unescape(found[1]).split("&")) if found else None


def mixed(count: int) -> list[str]:
    """So many operations and entries of Ona's log in turn, newest first."""
    made = []
    for number in range(count):
        if number % 2:
            made.append(f"a{entry(ago=number * MINUTE).pk.hex}")
        else:
            made.append(f"o{operations.operation(ago=number * MINUTE).pk.hex}")
    return made


def test_both_are_in_one_order_newest_first(viewer: Client) -> None:
    made = mixed(8)
    page = get(viewer)
    assert ids(page) == made
    assert "through the portal" in text(page)
    assert "outside the portal" in text(page)


@pytest.mark.parametrize("order", ["", "at"])
def test_pages_go_on_across_both_without_repeating_or_leaving_out(viewer: Client, order: str) -> None:
    made = mixed(60)
    now = timezone.now()
    for _ in range(20):  # of one moment: their ids decide
        made.insert(0, f"a{entry(at=now).pk.hex}")
    query = {"size": "25"} | ({"sort": order} if order else {})
    seen, pages = [], 0
    asked: dict[str, str] | None = query
    while asked:
        page = get(viewer, **asked)
        seen += ids(page)
        asked, pages = next_of(page), pages + 1
    assert (sorted(seen), len(seen), pages) == (sorted(made), 80, 4)
    assert seen[-60:] == made[-60:] if not order else seen[:60] == made[-60:][::-1]
    back = next_of(page, "previous-page")
    while back:
        page = get(viewer, **back)
        back = next_of(page, "previous-page")
    assert ids(page) == seen[:25]


def test_what_comes_meanwhile_moves_no_row_to_another_page(viewer: Client) -> None:
    made = mixed(50)
    first = get(viewer, size="25")
    entry(ago=timedelta(0))
    asked = next_of(first)
    assert asked is not None
    assert ids(first) + ids(get(viewer, **asked)) == made


def test_people_and_things_are_told_by_name_and_lead_on(viewer: Client) -> None:
    ann, otter = person("Ann Lee"), factories.environment(name="calm-otter")
    entry("stop environment", actor_id=ann.pk, subject_id=otter.pk)
    page = get(viewer)
    assert "Ann Lee" in text(page)
    assert "calm-otter" in text(page)
    assert reverse("environments:detail", args=[otter.pk]) in page
    assert f"?who={ann.pk}" in page


def test_who_and_what_has_no_name_here_is_told_by_its_kind_and_id(viewer: Client) -> None:
    robot, task = uuid.uuid4(), uuid.uuid4()
    entry(
        "start task",
        actor_id=robot, actor_principal="PRINCIPAL_SERVICE_ACCOUNT", subject_id=task,
        subject_type="RESOURCE_TYPE_TASK_EXECUTION",
    )  # fmt: skip
    entry("", actor_id=None, actor_principal="", subject_id=None, subject_type="RESOURCE_TYPE_UNSPECIFIED")
    shown = text(get(viewer))
    assert f"service account {robot}" in shown
    assert f"{task} task execution" in shown
    assert "somebody unknown" in shown


def test_an_entry_of_the_portals_own_write_is_folded_into_its_operation_as_probable(viewer: Client) -> None:
    otter = factories.environment()
    asked = operations.operation(target_id=otter.pk, environment_id=otter.pk)
    assert asked.sent_at
    told = own("stop environment", subject_id=otter.pk, at=asked.sent_at + timedelta(milliseconds=200))
    assert match_recent() == 1
    page = get(viewer)
    assert ids(page) == [f"o{asked.pk.hex}"]
    assert "Probably also in Ona's log" in text(page)
    assert ids(get(viewer, source="ona")) == [f"a{told.pk.hex}"]
    assert reverse("operations:detail", args=[asked.pk]) in get(viewer, source="ona")


@pytest.mark.parametrize(
    ("action", "columns"),
    [
        ("stop environment", {"is_own": False}),
        ("stop environment", {"subject_id": uuid.uuid4()}),
        ("start environment", {}),
        ("delete environment", {}),
        ("stop environment", {"later": timedelta(minutes=3)}),
        ("stop environment", {"later": -timedelta(minutes=3)}),
        ("stop environment", {"subject_type": "RESOURCE_TYPE_SERVICE", "subject_id": uuid.uuid4()}),
    ],
)
def test_another_account_thing_time_or_deed_is_not_folded(viewer: Client, action: str, columns: dict[str, Any]) -> None:
    otter = factories.environment()
    asked = operations.operation(target_id=otter.pk, environment_id=otter.pk, ago=timedelta(minutes=10))
    assert asked.sent_at
    later = columns.pop("later", timedelta(0))
    told = own(action, **{"subject_id": otter.pk, "at": asked.sent_at + later} | columns)
    assert match_recent() == 0
    page = get(viewer)
    assert set(ids(page)) == {f"o{asked.pk.hex}", f"a{told.pk.hex}"}
    assert "Probably" not in text(page)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("environment.set_lockdown", "update environment: metadata.lockdown_at"),
        ("environment.edit_timeout", "EnvironmentUpdated"),
        ("environment.force_delete", "delete environment"),
        ("environment.mark_active", "mark environment active"),
        ("environment.stop", ""),
        ("environment.archive", "environment.archive"),
    ],
)
def test_words_that_do_not_speak_against_it_fit(operation: str, said: str) -> None:
    otter = factories.environment()
    asked = operations.operation(operation, target_id=otter.pk, environment_id=otter.pk)
    told = own(said, subject_id=otter.pk, at=asked.sent_at)
    assert match(AuditLog.objects.all()) == 1
    told.refresh_from_db()
    assert told.operation_id == asked.pk


def test_of_two_operations_the_nearer_one_is_meant() -> None:
    otter = factories.environment()
    about = {"target_id": otter.pk, "environment_id": otter.pk}
    first, second = (operations.operation(ago=seconds * timedelta(seconds=1), **about) for seconds in (100, 80))
    for asked in (first, second):
        told = own(subject_id=otter.pk, at=asked.sent_at + timedelta(seconds=1))
        match_recent()
        told.refresh_from_db()
        assert told.operation_id == asked.pk


def test_an_operation_that_ona_refused_is_behind_no_entry() -> None:
    otter = factories.environment()
    asked = operations.operation(outcome=Outcome.FAILED, target_id=otter.pk, environment_id=otter.pk)
    own(subject_id=otter.pk, at=asked.sent_at)
    assert match_recent() == 0


def test_a_creation_whose_id_is_known_later_is_found_in_the_next_look() -> None:
    made = uuid.uuid4()
    asked = operations.operation("environment.create", is_open=True, target_id=None, environment_id=None)
    told = own("create environment", subject_id=made, at=asked.sent_at)
    assert match_recent() == 0
    type(asked).objects.filter(pk=asked.pk).update(
        target_id=made, environment_id=made, outcome=Outcome.SUCCEEDED, closed_at=timezone.now()
    )
    assert match_recent() == 1
    told.refresh_from_db()
    assert told.operation_id == asked.pk


def test_what_the_tokens_account_did_without_an_operation_says_so(viewer: Client) -> None:
    own("create environment logs token")
    assert "by the portal's own token, no matching operation" in text(get(viewer))


def test_an_entry_of_a_log_that_was_read_through_the_portal_names_its_reader(viewer: Client) -> None:
    said, who = "Create environment logs token", factories.user(username="ann")
    read = record_access(AccessKind.LOG_READ, actor=who, environment_id=uuid.uuid4())
    assert read
    seconds = timedelta(seconds=1)
    for columns, is_read in (
        ({"ago": 20 * seconds}, True),  # Ona's clock is behind
        ({"ago": 20 * seconds, "subject_id": uuid.uuid4()}, False),
        ({"ago": 200 * seconds}, False),
        ({"ago": 20 * seconds, "is_own": False}, False),
        ({"ago": 20 * seconds, "action": "Create environment access token"}, False),
    ):
        with undone():
            own(**{"action": said, "subject_id": read.environment_id} | columns)
            assert ("probably ann reading a log" in text(get(viewer))) is is_read, columns


def test_filters_compose_and_can_be_taken_off(viewer: Client) -> None:
    ann, bo = person("Ann Lee"), person("Bo Ek")
    otter, heron = factories.environment(name="calm-otter"), factories.environment(name="grey-heron")
    rows = {
        "ann stops otter": entry("stop environment", actor_id=ann.pk, subject_id=otter.pk),
        "bo starts otter": entry("start environment", actor_id=bo.pk, subject_id=otter.pk, ago=timedelta(days=3)),
        "ann stops heron": entry("stop environment", actor_id=ann.pk, subject_id=heron.pk, ago=timedelta(days=40)),
    }
    asked = operations.operation(target_id=otter.pk, environment_id=otter.pk, actor_name="ann.lee")
    named = {f"a{row.pk.hex}": name for name, row in rows.items()} | {f"o{asked.pk.hex}": "portal"}

    def found(**query: str) -> set[str]:
        return {named[each] for each in ids(get(viewer, **query))}

    assert found() == set(named.values())
    assert found(who="ann") == {"ann stops otter", "ann stops heron", "portal"}
    assert found(who=str(bo.pk)) == {"bo starts otter"}
    assert found(environment="otter") == {"ann stops otter", "bo starts otter", "portal"}
    assert found(environment=str(heron.pk)) == {"ann stops heron"}
    assert found(what="stop") == {"ann stops otter", "ann stops heron", "portal"}
    assert found(what="STOP environment", who="ann", environment="otter") == {"ann stops otter", "portal"}
    assert found(source="portal") == {"portal"}
    assert found(source="outside", since="7d") == {"ann stops otter", "bo starts otter"}
    day = (timezone.now() - timedelta(days=3)).date().isoformat()
    assert found(**{"from": day, "to": day}) == {"bo starts otter"}
    assert found(who="nobody") == set()
    page = get(viewer, who="ann", since="7d")
    assert 'href="?since=7d"' in page
    assert 'href="?who=ann"' in page


def test_what_makes_no_sense_is_said_and_shows_nothing(viewer: Client) -> None:
    made = mixed(2)
    bad = {"source": "mars", "since": "soon", "from": "x", "to": "y", "page": "zz", "size": "7", "who": "a\0b"}
    page = get(viewer, **bad)
    assert ids(page) == []
    assert page.count("so nothing is shown") + page.count("was ignored") == len(bad)
    assert ids(get(viewer, page="zz", size="7")) == made


def test_parts_of_a_batch_are_left_to_it_until_something_is_asked_for(viewer: Client) -> None:
    whole = operations.operation("batch.task_start", target_type="batch", environment_id=None)
    part = operations.operation("task.start", parent_id=whole.pk, ago=timedelta(minutes=4))
    assert ids(get(viewer)) == [f"o{whole.pk.hex}"]
    assert f"o{part.pk.hex}" in ids(get(viewer, what="start task"))


def test_what_onas_log_tells_of_the_parts_of_a_batch_is_counted_with_it(viewer: Client) -> None:
    whole = operations.operation("batch.stop", target_type="batch", environment_id=None, ago=30 * MINUTE)
    told = []
    for number in range(3):
        otter = factories.environment()
        about = {"target_id": otter.pk, "environment_id": otter.pk, "ago": (10 + number) * MINUTE}
        told.append(own(subject_id=otter.pk, at=operations.operation(parent_id=whole.pk, **about).sent_at))
    assert match_recent() == 3
    for page in (get(viewer), get(viewer, since="24h")):
        assert ids(page) == [f"o{whole.pk.hex}"]
        assert "Probably also in Ona's log: 3 entries of its parts" in text(page)
        assert f'href="/operations/?part-of={whole.pk}"' in page
    later = (timezone.now() - 20 * MINUTE).strftime("%Y-%m-%dT%H:%M")
    assert ids(get(viewer, **{"from": later})) == [f"a{each.pk.hex}" for each in told]


def test_hostile_texts_stay_texts(viewer: Client) -> None:
    evil = "<script>alert(1)</script>"
    mallory = person(evil)
    otter = factories.environment(name=evil)
    entry(evil, actor_id=mallory.pk, subject_id=otter.pk, subject_type="RESOURCE_TYPE_ENVIRONMENT")
    entry(evil, actor_principal=evil, subject_type=evil)
    page = get(viewer, who=evil)
    assert evil not in page + get(viewer)
    assert "&lt;script&gt;" in page


def test_the_page_takes_as_many_queries_whatever_it_shows(viewer: Client) -> None:
    def queries(**query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            get(viewer, **query)
        return len(captured)

    mixed(4)
    get(viewer)
    few = queries()
    for number in range(60):
        otter = factories.environment()
        asked = operations.operation(target_id=otter.pk, environment_id=otter.pk, ago=number * MINUTE)
        own(subject_id=otter.pk, at=asked.sent_at)
        entry(subject_id=otter.pk, actor_id=person(f"P{number}").pk)
    match_recent()
    assert queries() <= few + 1
    assert few < 25


def test_an_open_page_is_answered_only_where_something_is_new(viewer: Client) -> None:
    mixed(3)
    page = get(viewer)
    seen = re.search(r'hx-get="([^"]*seen=[^"]*)"', page)
    assert seen
    address = unescape(seen[1])
    assert viewer.get(address, headers=HTMX).status_code == 204
    entry(ago=timedelta(0))
    answer = viewer.get(address, headers=HTMX)
    assert answer.status_code == 200
    assert "HX-Push-Url" not in answer
    filtered = viewer.get(reverse("operations:stream"), {"what": "stop"}, headers=HTMX)
    assert filtered["HX-Push-Url"] == f"{reverse('operations:stream')}?{urlencode({'what': 'stop'})}"


def test_how_much_of_the_log_is_known_is_said(viewer: Client) -> None:
    now = timezone.now()
    kind = {"kind": SyncRun.Kind.AUDIT_LOGS, "finished_at": now}
    assert "has not been read yet" in text(get(viewer))
    SyncRun.objects.create(state=SyncRun.State.SUCCEEDED, started_at=now - timedelta(hours=2), **kind)
    assert "was last read" in text(get(viewer))
    SyncRun.objects.create(
        state=SyncRun.State.FAILED, error_code="internal", error="it broke", started_at=now - 2 * MINUTE, **kind
    )
    assert "it broke" in text(get(viewer))
    SyncRun.objects.create(state=SyncRun.State.REFUSED, error="The token may not.", started_at=now - MINUTE, **kind)
    assert "The token may not." in text(get(viewer))
    SyncRun.objects.create(state=SyncRun.State.SUCCEEDED, started_at=now, **kind)
    assert "note" not in re.findall(r'class="(note[^"]*)"', get(viewer))
    AuditLogGap.objects.create(end=now)
    assert "is still being read" in text(get(viewer))


def test_those_who_may_not_see_the_log_are_shown_no_way_to_it() -> None:
    nobody = factories.client("")
    assert nobody.get(reverse("operations:stream")).status_code == 403


def test_the_list_of_operations_leads_there_and_back(viewer: Client) -> None:
    assert reverse("operations:stream") in viewer.get(reverse("operations:list")).content.decode()
    assert f'href="{reverse("operations:list")}"' in get(viewer)


def test_entries_are_kept_as_they_are() -> None:
    told = entry()
    for change in ({"action": "another"}, {"at": timezone.now()}, {"actor_id": None}, {"is_own": True}):
        with pytest.raises(IntegrityError, match="stays as Ona told it"), transaction.atomic():
            AuditLog.objects.filter(pk=told.pk).update(**change)
    with pytest.raises(IntegrityError, match="refuses DELETE"), transaction.atomic():
        told.delete()
    AuditLog.objects.filter(pk=told.pk).update(operation_id=uuid.uuid4())
    with pytest.raises(IntegrityError, match="stays as Ona told it"), transaction.atomic():
        AuditLog.objects.filter(pk=told.pk).update(operation_id=None)
