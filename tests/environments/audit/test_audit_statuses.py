"""The status of one environment in both audits: each case by hand, and all of them as the database counts them."""

from __future__ import annotations

import random
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from environments.models import Environment, Field, Phase, Stop, Transition
from environments.policies import archiving, lockdown
from environments.policies.policy import Policy
from environments.policies.verdict import Changed, Facts, utc, with_stops
from tests.support import audits, factories
from tests.support.profiles import examples

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
LIMITED = Policy(lifetime=7 * DAY, since=(NOW - 60 * DAY, NOW - 59 * DAY), archive_after=3 * DAY, delete_after=14 * DAY)
STRICT = Policy(lifetime=7 * DAY, strict=True, since=(None, NOW - 20 * DAY), archive_after=3 * DAY)
FREE = Policy()
FIELDS = re.compile(r"\b(status|spec|metadata)\.")  # names of the API, which no page needs


def facts(**columns):
    plain = {"phase": Phase.STOPPED, "created_at": NOW - 30 * DAY}
    return Facts(**plain | columns)


LOCKDOWNS = [
    ("running", LIMITED, {"lockdown_at": NOW - DAY, "phase": Phase.RUNNING}, "can still be started"),
    ("running", STRICT, {"lockdown_at": NOW - DAY, "phase": Phase.STARTING}, "It was started before its lockdown"),
    ("running", LIMITED, {"lockdown_at": NOW, "phase": Phase.UPDATING}, "its phase is updating"),
    ("past", STRICT, {"lockdown_at": NOW - DAY}, "it cannot be started"),
    ("past", LIMITED, {"lockdown_at": NOW - DAY, "phase": Phase.STOPPING}, "Its lockdown was at 2026-10-31 12:00 UTC"),
    ("past", None, {"lockdown_at": NOW - DAY, "phase": ""}, "Whether it can be started is unknown"),
    ("past", FREE, {"lockdown_at": NOW - DAY}, "The organization has no maximum lifetime now"),
    ("24h", LIMITED, {"lockdown_at": NOW + timedelta(microseconds=1)}, "Its lockdown is at"),
    ("24h", LIMITED, {"lockdown_at": NOW + DAY}, "in 1 d"),
    ("7d", LIMITED, {"lockdown_at": NOW + DAY + MINUTE}, "moved, or comes from an earlier policy"),
    ("7d", LIMITED, {"lockdown_at": NOW + 5 * DAY, "created_at": NOW - 2 * DAY}, "time of creation plus"),
    ("7d", LIMITED, {"lockdown_at": NOW + 7 * DAY}, ""),
    ("30d", LIMITED, {"lockdown_at": NOW + 7 * DAY + MINUTE}, ""),
    ("30d", LIMITED, {"lockdown_at": NOW + 30 * DAY}, ""),
    ("later", LIMITED, {"lockdown_at": NOW + 30 * DAY + MINUTE}, ""),
    ("later", None, {"lockdown_at": NOW + 99 * DAY, "created_at": None}, "Which policy it comes from is unknown"),
    ("exempt", LIMITED, {"created_at": NOW - 70 * DAY}, "created before the policy, which was set between"),
    ("exempt", LIMITED, {"created_at": NOW - 59 * DAY - HOUR}, "created around the time that the policy was set"),
    ("exempt", STRICT, {"created_at": NOW - 30 * DAY}, "created before the policy was first observed"),
    ("exempt", LIMITED, {"created_at": NOW - DAY}, "why it has no lockdown was not observed"),
    ("exempt", LIMITED, {"created_at": None}, "why it has no lockdown was not observed"),
    ("exempt", LIMITED, {"changed": Changed(NOW + DAY, None, NOW - HOUR, NOW, "ann", "a demo")}, "Reason: a demo"),
    (
        "7d",
        LIMITED,
        {"lockdown_at": NOW + 5 * DAY, "changed": Changed(None, NOW + 5 * DAY, None, NOW, "ann")},
        "the policy's maximum is 7 d. It was set by ann, recorded at 2026-11-01 12:00 UTC.",
    ),
    (
        "past",
        LIMITED,
        {"lockdown_at": NOW - DAY, "changed": Changed(NOW, NOW - DAY, NOW, NOW, "ann")},
        "It was moved from 2026-11-01 12:00 UTC by ann",
    ),
    (
        "7d",
        LIMITED,
        {"lockdown_at": NOW + 5 * DAY, "changed": Changed(None, NOW + 9 * DAY, None, NOW, "ann")},
        "moved, or comes from an earlier policy",
    ),
    ("none", FREE, {}, "No maximum lifetime"),
    ("unknown", None, {}, "policies had not been read"),
    ("deleted", LIMITED, {"lockdown_at": NOW - DAY, "gone_at": NOW - HOUR}, "no longer listed"),
    ("deleted", LIMITED, {"phase": Phase.DELETED}, "Its phase is deleted"),
]
STOP = (NOW - 2 * DAY - MINUTE, NOW - 2 * DAY)
OLD_STOP = (NOW - 5 * DAY, NOW - 5 * DAY + MINUTE)
ARCHIVES = [
    ("active", LIMITED, {"phase": Phase.RUNNING}, "Its phase is running"),
    ("active", None, {"phase": Phase.STOPPING}, "and it is not archived"),
    ("active", LIMITED, {"phase": "ENVIRONMENT_PHASE_HIBERNATING"}, "ENVIRONMENT_PHASE_HIBERNATING"),
    ("due", LIMITED, {"stop": STOP}, "or was unarchived, between 2026-10-30 11:59 UTC and 2026-10-30 12:00 UTC"),
    ("due", LIMITED, {"stop": STOP, "last_used_at": NOW - 3 * DAY}, "between 2026-11-01 12:00 UTC and 2026-11-02"),
    ("due", LIMITED, {"stop": (None, NOW - DAY)}, "already stopped when it was first observed"),
    ("due", LIMITED, {"stop": (None, NOW - 3 * DAY - HOUR)}, "The policy archives after 3 d"),
    ("due", LIMITED, {"stop": OLD_STOP, "last_used_at": NOW - DAY}, "last recorded use was at 2026-10-31"),
    ("due", LIMITED, {"last_used_at": NOW - DAY}, "since when is unknown"),
    ("overdue", LIMITED, {"stop": OLD_STOP}, "It should have been archived"),
    (
        "overdue",
        LIMITED,
        {"stop": (None, NOW - 3 * DAY - HOUR - MINUTE)},
        f"It should have been archived by {utc(NOW - HOUR - MINUTE)}",
    ),
    ("overdue", LIMITED, {"archived_at": NOW - 15 * DAY}, f"deleted by {utc(NOW - DAY)}"),
    ("overdue", LIMITED, {"archived_at": NOW - 15 * DAY, "phase": ""}, "should have been deleted"),
    ("deletion", LIMITED, {"archived_at": NOW - DAY}, "2026-11-14 12:00 UTC"),
    ("deletion", LIMITED, {"archived_at": NOW - 14 * DAY}, "The policy deletes 14 d later"),
    ("archived", STRICT, {"archived_at": NOW - 99 * DAY}, "never deletes"),
    ("archived", None, {"archived_at": NOW - DAY}, "Whether it will be deleted is unknown"),
    ("unknown", None, {"stop": STOP}, "policies had not been read"),
    ("unknown", LIMITED, {}, "Since when, and when it was last used, is unknown"),
    ("unknown", LIMITED, {"phase": ""}, "Its phase is unknown"),
    ("unknown", LIMITED, {"phase": "ENVIRONMENT_PHASE_UNSPECIFIED"}, "Its phase is unknown"),
    ("deleted", LIMITED, {"gone_at": NOW, "archived_at": NOW - DAY}, "no longer listed"),
    ("deleted", None, {"phase": Phase.DELETED, "archived_at": NOW - DAY}, "Its phase is deleted"),
]


@pytest.mark.parametrize(("status", "policy", "columns", "said"), LOCKDOWNS)
def test_a_lockdown_status_follows_from_the_columns_and_the_policy_and_says_so(status, policy, columns, said):
    verdict = lockdown.judge(facts(**columns), policy, NOW)
    assert verdict.status == status
    assert said in " ".join(verdict.because)
    assert not FIELDS.search(" ".join(verdict.because))


@pytest.mark.parametrize(("status", "policy", "columns", "said"), ARCHIVES)
def test_an_archive_status_follows_from_the_columns_the_stop_and_the_policy_and_says_so(status, policy, columns, said):
    verdict = archiving.judge(facts(**columns), policy, NOW)
    assert verdict.status == status
    assert said in " ".join(verdict.because)
    assert not FIELDS.search(" ".join(verdict.because))


times = st.none() | st.integers(-60 * 24, 30 * 24).map(lambda hours: NOW + hours * HOUR)
spans = st.none() | st.integers(1, 40).map(lambda days: days * DAY)


@given(
    phase=st.sampled_from([*Phase.values, "", "ENVIRONMENT_PHASE_NEW"]),
    lockdown_at=times, archived_at=times, gone_at=times, last_used_at=times, stopped=times,
    lifetime=spans, delete=spans,
)  # fmt: skip
def test_every_environment_has_a_status_with_reasons_whatever_its_columns(
    phase, lockdown_at, archived_at, gone_at, last_used_at, stopped, lifetime, delete
):
    policy = Policy(lifetime=lifetime, delete_after=delete)
    what = facts(
        phase=phase, lockdown_at=lockdown_at, archived_at=archived_at, gone_at=gone_at, last_used_at=last_used_at,
        stop=(None, stopped) if stopped else None,
    )  # fmt: skip
    for audit in (lockdown, archiving):
        verdict = audit.judge(what, policy, NOW)
        assert verdict.status in audit.STATUSES
        assert all(verdict.because)
        assert verdict.because


def fill(seed: int, now: datetime) -> None:
    """Four hundred environments of every kind, some of which were seen to stop."""
    dice = random.Random(seed)

    def moment():
        return now + timedelta(hours=dice.uniform(-40, 40) * 24) if dice.random() < 0.6 else None

    def row():
        used = moment()
        return Environment(
            id=uuid.UUID(int=dice.getrandbits(128), version=4),
            phase=dice.choice([*Phase.values, Phase.STOPPED, Phase.STOPPED, "", "ENVIRONMENT_PHASE_NEW"]),
            lockdown_at=moment(), archived_at=moment(), gone_at=moment() if dice.random() < 0.1 else None,
            active_at=used if used and used < now else None, first_seen_at=now - 9 * DAY * dice.random(),
            changed_at=now,
        )  # fmt: skip

    rows = Environment.objects.bulk_create(row() for _ in range(400))
    Transition.objects.bulk_create(
        Transition(
            environment=each, field=Field.PHASE, old=Phase.RUNNING, new=Phase.STOPPED, old_seen_at=at - HOUR, seen_at=at
        )
        for each in rows
        if dice.random() < 0.5
        for at in [now - 20 * DAY * dice.random(), now - 20 * DAY * dice.random()]
    )


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(examples(4)))
def test_the_database_counts_what_the_functions_judge(seed):
    now = timezone.now()
    fill(seed, now)
    rows = list(with_stops(Environment.objects.all()))
    for policy in (LIMITED, STRICT, FREE, None):
        assert_counted_as_judged(rows, policy, now)


def assert_counted_as_judged(rows, policy, now):
    for audit, when in ((lockdown, lockdown.AT), (archiving, archiving.when(policy, True))):
        judged = {row.pk: audit.judge(Facts.of(row), policy, now) for row in rows}
        present = Environment.objects.present().annotate(since=archiving.SINCE, when=when)
        for status, condition in audit.conditions(policy, now).items():
            found = {row.pk: row.when for row in present.filter(condition)}
            expected = {row.pk for row in rows if judged[row.pk].status == status and row.gone_at is None}
            assert set(found) == expected, (policy, status)
            if status in ("due", "deletion", "overdue", "archived", "past", "running", "7d"):
                assert found == {pk: judged[pk].at for pk in found}, (policy, status)


@pytest.mark.django_db
def test_the_newest_stop_is_kept_whichever_transition_arrives_first():
    now = timezone.now()
    environment = factories.environment(phase=Phase.RUNNING)
    assert not Stop.objects.exists()
    for at in (now - DAY, now - 3 * DAY, now - 2 * DAY):
        audits.stopped(environment, at)
    stop = Stop.objects.get()
    assert (stop.old_seen_at, stop.seen_at) == (now - DAY - MINUTE, now - DAY)
    audits.moved(environment, Field.PHASE, Phase.STOPPED, Phase.RUNNING, by=now)
    assert Stop.objects.get().seen_at == now - DAY


@pytest.mark.django_db
def test_one_that_was_first_seen_stopped_stopped_at_a_time_not_known():
    environment = factories.environment(phase=Phase.STOPPED)
    stop = Stop.objects.get()
    assert (stop.old_seen_at, stop.seen_at) == (None, environment.first_seen_at)


@pytest.mark.django_db
def test_one_that_was_unarchived_is_stopped_anew():
    now = timezone.now()
    environment = factories.environment(phase=Phase.STOPPED, first_seen_at=now - 9 * DAY)
    audits.moved(environment, Field.ARCHIVED, now - 3 * DAY, None, by=now - DAY)
    assert Stop.objects.get().seen_at == now - DAY
