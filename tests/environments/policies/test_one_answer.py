"""What the policies mean for an environment: page, audit, search and export say the same, now and in the past."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.http import QueryDict
from django.utils import timezone

from environments.as_of import clock, past
from environments.as_of.context import AsOf
from environments.audit.exports import COLUMNS
from environments.audit.list import AUDIT_LISTS
from environments.audit.query import AUDITS
from environments.detail.lifetime import banners, lifetime
from environments.list.list import ENVIRONMENTS
from environments.models import Environment, Field, Phase, Transition
from environments.policies import deletion
from environments.policies.policy import Policy, policy_at
from environments.policies.verdict import Facts, with_stops
from portal.lists.export import rows_of
from portal.lists.query import read_query
from tests.support import audits, factories
from tests.support.audits import DAY

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
LIVES = 250  # of each case: a thousand in all
POLICIES: dict[str, dict[str, Any]] = {
    "limited": {"lifetime": 7, "archive": 3, "delete": 14, "strict": True},
    "keeping": {"archive": 5},
    "unread": {},
}
SPANS = (0, 1, 3, 7, 30)
EVERYTHING = QueryDict("gone=yes")


class Said(NamedTuple):
    """What one place says of an environment: whether it is locked down, and what is still to come or late."""

    is_locked: bool
    archived_by: datetime | None
    deleted_by: datetime | None


def lives(seed: int, now: datetime) -> None:
    """Environments of every kind: stopped, started, archived and unarchived at random, some of them gone since."""
    dice = random.Random(seed)

    def some(chance: float, first: float = -40, last: float = 0) -> datetime | None:
        return now + dice.uniform(first, last) * DAY if dice.random() < chance else None

    rows = [
        Environment(
            id=uuid.UUID(int=dice.getrandbits(128), version=4),
            phase=dice.choice([*Phase.values, *[Phase.STOPPED] * 8, ""]),
            created_at=some(0.9), active_at=some(0.6), lockdown_at=some(0.6, -40, 40), archived_at=some(0.4),
            gone_at=some(0.1, -9), first_seen_at=now - 20 * DAY, changed_at=now,
        )
        for _ in range(LIVES)
    ]  # fmt: skip
    Environment.objects.bulk_create(rows)
    Transition.objects.bulk_create(change for row in rows for change in _changes(row, dice, now) if dice.random() < 0.7)
    past.rebuild()


def _changes(row: Environment, dice: random.Random, now: datetime) -> Iterator[Transition]:
    def change(field: Field, old: str, new: str) -> Transition:
        by = now - dice.uniform(0, 15) * DAY
        return Transition(environment=row, field=field, old=old, new=new, old_seen_at=by - HOUR, seen_at=by)

    yield change(Field.PHASE, Phase.RUNNING, Phase.STOPPED)
    if row.archived_at is None:
        yield change(Field.ARCHIVED, (now - 16 * DAY).isoformat(), "")
    if row.gone_at:
        yield change(Field.GONE, "", row.gone_at.isoformat())


@contextmanager
def asked(days_ago: int) -> Iterator[tuple[AsOf, datetime]]:
    """Within, everything is asked about one time, which stands still."""
    now = timezone.now()
    if not days_ago:
        with clock.set_to(now):
            yield AsOf(), now
        return
    audits.swept(*(now - hours * HOUR for hours in range(20 * 24, 0, -1)))
    as_of = AsOf(now - days_ago * DAY)
    with as_of.reading():
        yield as_of, clock.at()


def page(row: Environment, policy: Policy | None, now: datetime) -> Said:
    facts = Facts.of(row)
    shown = {fact.label: fact.value for fact in lifetime(facts, policy, now)}
    by = shown.get("Will be archived") or shown.get("Should have been archived") or None
    due = deletion.due(facts, policy)
    assert (due is not None) == (" at the latest" in str(shown.get("Deletion", "")))
    assert due is None or f"{due:%Y-%m-%d %H:%M}" in str(shown["Deletion"])
    is_locked = any(banner.title == "Locked down" for banner in banners(facts, policy, now))
    return Said(is_locked, by, due)  # type: ignore[arg-type]


def of_statuses(lockdown: str, archive: str, at: datetime | None, row: Environment) -> Said:
    """What two statuses of the audits come to."""
    is_late = archive == "overdue"
    return Said(
        lockdown in ("past", "running"),
        at if archive == "due" or (is_late and not row.archived_at) else None,
        at if archive == "deletion" or (is_late and row.archived_at) else None,
    )


def audited(as_of: AsOf, policy: Policy | None) -> dict[uuid.UUID, tuple[str, str, datetime | None]]:
    """As the database answers the audits."""
    found: dict[str, dict[uuid.UUID, tuple[str, datetime | None]]] = {}
    for slug, audit in AUDITS.items():
        rows = read_query(AUDIT_LISTS[slug], EVERYTHING, as_of).rows().annotate(at=audit.when(policy, True))
        found[slug] = {}
        for status, condition in audit.conditions(policy, clock.at()).items():
            present = rows.present().filter(condition).values_list("pk", "at")
            found[slug] |= {pk: (status, at) for pk, at in present}
        found[slug] |= {row.pk: ("deleted", row.gone_at) for row in rows.filter(gone_at__isnull=False)}
    return {pk: (status, *found["archive"][pk]) for pk, (status, _) in found["lockdown"].items()}


def exported(as_of: AsOf) -> dict[uuid.UUID, tuple[str, str, datetime | None]]:
    """As the files of the audits have it."""
    found: dict[str, dict[uuid.UUID, dict[str, Any]]] = {}
    for slug, listing in AUDIT_LISTS.items():
        rows = rows_of(read_query(listing, EVERYTHING, as_of))
        found[slug] = {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in rows}
    return {
        pk: (row["status"], found["archive"][pk]["status"], found["archive"][pk]["status_at"])
        for pk, row in found["lockdown"].items()
    }


def searched(query: str) -> set[uuid.UUID]:
    state = read_query(ENVIRONMENTS, QueryDict(f"gone=yes&q={query}"))
    assert state.problems == ()
    return set(state.rows().values_list("pk", flat=True))


@pytest.mark.parametrize(("name", "days_ago"), [("limited", 0), ("limited", 5), ("keeping", 0), ("unread", 5)])
def test_page_audit_search_and_export_say_the_same_of_a_thousand_lives(name: str, days_ago: int) -> None:
    lives(len(name) + days_ago, timezone.now())
    if POLICIES[name]:
        audits.policies(**POLICIES[name])
    with asked(days_ago) as (as_of, now):
        policy = policy_at(now)
        rows = {row.pk: row for row in with_stops(Environment.objects.all())}
        statuses = audited(as_of, policy)
        assert exported(as_of) == statuses
        said = {pk: page(row, policy, now) for pk, row in rows.items()}
        assert said == {pk: of_statuses(*statuses[pk], rows[pk]) for pk in rows}
        present = {pk for pk, (_, archive, _) in statuses.items() if archive != "deleted"}
        assert searched("lockdown:past") == {pk for pk in rows if said[pk].is_locked}
        assert searched("lockdown:none") == {pk for pk in present if rows[pk].lockdown_at is None}
        ahead = {pk: lock - now for pk in present if (lock := rows[pk].lockdown_at) and lock > now}
        due = {pk: at - now for pk, each in said.items() if (at := each.deleted_by)}
        for days in SPANS:
            assert searched(f"lockdown:<{days}d") == {pk for pk, delay in ahead.items() if delay <= days * DAY}
            assert searched(f"lockdown:>{days}d") == {pk for pk, delay in ahead.items() if delay > days * DAY}
            assert searched(f"deletion:<{days}d") == {pk for pk, delay in due.items() if delay < days * DAY}
            assert searched(f"deletion:>{days}d") == {pk for pk, delay in due.items() if delay >= days * DAY}
        assert searched("deletion:none") == set(rows) - set(due)
        assert len(rows) == LIVES
        assert (len(due) > 20) == (name == "limited")


def test_archiving_counts_from_when_it_was_unarchived_on_its_page_and_in_the_audit() -> None:
    now = timezone.now()
    audits.policies(archive=3)
    row = factories.environment(phase=Phase.STOPPED, first_seen_at=now - 30 * DAY, active_at=None,
                                created_at=now - 30 * DAY, last_started_at=None)  # fmt: skip
    audits.stopped(row, now - 20 * DAY)
    audits.moved(row, Field.ARCHIVED, now - 17 * DAY, None, by=now - 2 * DAY)
    client = factories.client("Viewer")
    (line,) = client.get("/audit/archive/").context["rows"]
    assert f'datetime="{(now + DAY).isoformat(timespec="seconds")}"' in line["when"]
    html = client.get(f"/environments/{row.pk}/").content.decode()
    assert f'datetime="{(now + DAY).isoformat(timespec="seconds")}"' in html.partition("Will be archived")[2]


@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.RUNNING])
def test_nothing_is_to_come_of_a_deleted_environment(phase: str) -> None:
    now = timezone.now()
    audits.policies(lifetime=7, archive=3, delete=14, strict=True)
    row = factories.environment(
        phase=phase, gone_at=now - DAY, archived_at=now - 5 * DAY, lockdown_at=now + DAY, unpushed_commits=2
    )
    html = factories.client("Viewer").get(f"/environments/{row.pk}/").content.decode()
    for word in ("Deletion", "Will be archived", "Locked down", "has to be unarchived", "Maximum lifetime"):
        assert word not in html
    assert f'datetime="{(now + DAY).isoformat(timespec="seconds")}"' not in html
    listed = factories.client("Viewer").get("/environments/?gone=yes").content.decode()
    assert f'datetime="{(now + DAY).isoformat(timespec="seconds")}"' not in listed


def test_the_deletion_of_an_archived_one_is_promised_as_the_latest_time_only() -> None:
    now = timezone.now()
    audits.policies(delete=14)
    row = factories.environment(phase=Phase.STOPPED, archived_at=now - 5 * DAY)
    said = f"by {now + 9 * DAY:%Y-%m-%d %H:%M} UTC at the latest"
    client = factories.client("Viewer")
    assert said in client.get(f"/environments/{row.pk}/").content.decode()
    assert said in client.get("/audit/archive/").content.decode()
