"""Since when environments are stopped, as the database itself keeps it."""

from __future__ import annotations

from datetime import datetime, timedelta
from importlib import import_module

import pytest
from django.db import connection
from django.utils import timezone

from environments.models import Environment, Field, Phase, Stop, Transition
from tests.support import audits, factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
Known = tuple[datetime | None, datetime]


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def stops() -> dict[str, Known]:
    rows = Stop.objects.values_list("environment__name", "old_seen_at", "seen_at")
    return {name: (after, by) for name, after, by in rows}


def some(now: datetime) -> None:
    """One of each way to be stopped."""

    def made(name: str, phase: str, **columns: object) -> Environment:
        return factories.environment(name=name, phase=phase, first_seen_at=now - 9 * DAY, **columns)

    made("always ran", Phase.RUNNING)
    made("was found stopped", Phase.STOPPED)
    started = made("was found stopped and started", Phase.STOPPED)
    audits.moved(started, Field.PHASE, Phase.STOPPED, Phase.STARTING, by=now - 5 * DAY)
    audits.moved(started, Field.PHASE, Phase.STARTING, Phase.RUNNING, by=now - 4 * DAY)
    Environment.objects.filter(pk=started.pk).update(phase=Phase.RUNNING)
    twice = made("stopped twice", Phase.STOPPED)
    audits.stopped(twice, now - 6 * DAY)
    audits.stopped(twice, now - 2 * DAY)
    back = made("came back from the archive", Phase.STOPPED)
    audits.stopped(back, now - 8 * DAY)
    audits.moved(back, Field.ARCHIVED, None, now - 7 * DAY, by=now - 7 * DAY)
    audits.moved(back, Field.ARCHIVED, now - 7 * DAY, None, by=now - 3 * DAY)


def test_the_newest_stop_of_each_environment_is_kept(now):
    some(now)
    minute = timedelta(minutes=1)
    assert stops() == {
        "was found stopped": (None, now - 9 * DAY),
        "was found stopped and started": (None, now - 9 * DAY),
        "stopped twice": (now - 2 * DAY - minute, now - 2 * DAY),
        "came back from the archive": (now - 3 * DAY - minute, now - 3 * DAY),
    }


def test_what_was_there_before_the_table_is_filled_in_alike(now):
    some(now)
    kept = stops()
    Stop.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("environments.migrations.0006_stops").FILL)
    assert stops() == kept


def test_an_older_stop_that_is_noted_late_changes_nothing(now):
    row = factories.environment(name="otter", phase=Phase.STOPPED, first_seen_at=now - 9 * DAY)
    audits.stopped(row, now - 2 * DAY)
    audits.stopped(row, now - 5 * DAY)
    assert stops()["otter"][1] == now - 2 * DAY


def test_many_noted_at_once_leave_the_newest_of_each(now):
    rows = [factories.environment(name=f"e{number}", first_seen_at=now - 9 * DAY) for number in range(3)]
    transitions = [
        Transition(environment=row, field=Field.PHASE, old=Phase.RUNNING, new=Phase.STOPPED, old_seen_at=by, seen_at=by)
        for by in (now - 3 * DAY, now - DAY, now - 2 * DAY)
        for row in rows
    ]
    Transition.objects.bulk_create(transitions)
    assert {by for _, by in stops().values()} == {now - DAY}
