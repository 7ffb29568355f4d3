"""The audits and the past, held against a month whose truth is known: 102 picked cases and up to 1,000 random ones."""

from __future__ import annotations

import html
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.db.models import Q
from pytest_django.plugin import DjangoDbBlocker

from environments.as_of import clock
from environments.as_of.clock import written
from environments.as_of.context import AsOf, observed
from environments.models import Environment, Phase, Stop
from environments.policies import archiving, lockdown
from environments.policies.policy import policy_at
from environments.policies.verdict import Facts, with_stops
from tests.support import factories
from tests.support.audit_truth import BEGIN, DAY, EVERY, OUTAGE, Month
from tests.support.history import NOW
from tests.support.profiles import examples

MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.django_db
told: dict[datetime, dict[str, Shown]] = {}


class Shown(NamedTuple):
    """What the portal says of one environment."""

    row: Environment
    lockdown: str
    archive: str


@pytest.fixture(scope="module")
def month(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    """Committed, once for all tests of this module; what the audits said in it is in `told`."""
    with django_db_blocker.unblock():
        yield Month(lambda at: told.update({at: shown(at)}), some_moments(20))
        with connection.cursor() as cursor:
            cursor.execute(
                "TRUNCATE environments_environment, environments_sighting, environments_syncrun,"
                " environments_specificationversion, directory_organization CASCADE"
            )


@pytest.fixture(autouse=True)
def _seldom_swept(settings: Any) -> None:
    settings.SWEEP_SECONDS = EVERY.total_seconds()


def some_moments(count: int, seed: int = 1, begin: datetime = BEGIN, end: datetime = NOW) -> list[datetime]:
    dice = random.Random(seed)
    return sorted(begin + MINUTE + dice.random() * (end - begin - 2 * MINUTE) for _ in range(count))


def shown(moment: datetime) -> dict[str, Shown]:
    """Each environment that was known at a moment, gone ones too, by its id."""
    with AsOf(moment).reading():
        now = clock.at()
        policy, found = policy_at(now), {}
        for row in with_stops(Environment.objects.defer("metadata", "spec", "status")):
            facts = Facts.of(row)
            verdicts = (lockdown.judge(facts, policy, now), archiving.judge(facts, policy, now))
            found[str(row.pk)] = Shown(row, *(each.status for each in verdicts))
    return found


def is_true(month: Month, identifier: str, said: Shown, moment: datetime) -> None:
    """Everything said of one environment is what was true at the last sweep, and reckoned from the moment."""
    at, row = month.swept(moment), said.row
    now = at if OUTAGE[0] < moment < OUTAGE[1] and observed(moment).is_gap else moment
    where = (identifier, moment)
    assert said.lockdown == month.lockdown(identifier, at, now), where
    if not month.missed(identifier, at):
        assert said.archive in month.archive(identifier, at, now), where
    if month.is_gone(identifier, at):
        assert row.gone_at is not None, where
        return
    was = month.truth.at(identifier, at)
    assert was is not None
    assert (row.gone_at, row.phase, row.has_failure) == (None, was.phase, bool(was.failures)), where
    assert (row.archived_at, row.lockdown_at) == (was.archived_at, was.lockdown_at), where
    assert (row.spec_version, row.desired_phase) == (was.spec_version, was.desired_phase), where
    assert row.never_stops == (was.timeout == "0s"), where


def test_random_environments_and_moments_are_as_they_were(month: Month) -> None:
    dice, moments = random.Random(3), some_moments(examples(100))
    for moment in moments:
        said = shown(moment)
        assert set(said) == month.known(month.swept(moment)), moment
        present = {identifier for identifier, each in said.items() if each.row.gone_at is None}
        assert present == month.truth.environments_at(month.swept(moment)), moment
        for identifier in dice.sample(sorted(said), 10):
            is_true(month, identifier, said[identifier], moment)


Test = Callable[[Any, Any], bool]
STOPPED, RUNNING = Phase.STOPPED.value, Phase.RUNNING.value
# What sweeps saw change: the field, the change, and the statuses that the audits give before and after ("" for either).
PICKED: dict[str, tuple[str, Test, tuple[str, str], tuple[str, str]]] = {
    "is started": ("phase", lambda old, new: (old, new) == (STOPPED, RUNNING), ("", ""), ("", "active")),
    "is stopped": ("phase", lambda old, new: (old, new) == (RUNNING, STOPPED), ("", "active"), ("", "due")),
    "begins to fail": ("failures", lambda old, new: bool(new) and not old, ("", ""), ("", "")),
    "fails no longer": ("failures", lambda old, new: bool(old) and not new, ("", ""), ("", "")),
    "is archived": ("archived_at", lambda old, new: new is not None, ("", ""), ("", "deletion")),
    "is unarchived": ("archived_at", lambda old, new: new is None, ("", "deletion"), ("", "")),
    "is given a lockdown": ("lockdown_at", lambda old, new: old is None, ("exempt", ""), ("", "")),
    "loses its lockdown": ("lockdown_at", lambda old, new: new is None, ("", ""), ("exempt", "")),
    "has its lockdown moved": ("lockdown_at", lambda old, new: bool(old and new), ("", ""), ("", "")),
    "gets another timeout": ("timeout", lambda old, new: True, ("", ""), ("", "")),
}  # fmt: skip
EACH = 3  # of a kind: the first, one in the middle, the last


@pytest.mark.parametrize("which", range(EACH))
@pytest.mark.parametrize("kind", PICKED)
def test_before_and_after_it_changed(month: Month, kind: str, which: int) -> None:
    """Sixty picked cases: thirty changes, each just before the sweep that saw it, and just after."""
    field, test, *statuses = PICKED[kind]
    found = sorted((each for each in month.changes(field) if test(*each[3:])), key=lambda each: (each[2], each[0]))
    assert len(found) >= EACH
    identifier, _, after, _, _ = found[which * (len(found) - 1) // (EACH - 1)]
    for moment, wanted in zip((after - MINUTE, after + MINUTE), statuses, strict=True):
        said = shown(moment)[identifier]
        is_true(month, identifier, said, moment)
        assert said.lockdown == (wanted[0] or said.lockdown)
        assert said.archive == (wanted[1] or said.archive)


LIMITS = {"7 days": (7 * DAY, "30d", "7d"), "24 hours": (DAY, "7d", "24h")}


@pytest.mark.parametrize("which", range(2 * EACH))
@pytest.mark.parametrize("limit", LIMITS)
def test_a_lockdown_comes_nearer(month: Month, limit: str, which: int) -> None:
    """Twenty-four picked cases: a minute before each limit, and a minute after."""
    delay, before, after = LIMITS[limit]
    identifier, at = _lockdowns(month, delay)[which]
    assert shown(at - delay - MINUTE)[identifier].lockdown == before
    assert shown(at - delay + MINUTE)[identifier].lockdown == after


@pytest.mark.parametrize("which", range(EACH))
def test_a_lockdown_comes(month: Month, which: int) -> None:
    """Six picked cases."""
    identifier, at = _lockdowns(month, timedelta(0))[which]
    up = month.value(identifier, "phase", month.swept(at)) == RUNNING
    assert shown(at - MINUTE)[identifier].lockdown == "24h"
    assert shown(at + MINUTE)[identifier].lockdown == ("running" if up else "past")


@cache
def _lockdowns(month: Month, delay: timedelta) -> list[tuple[str, datetime]]:
    """Environments whose lockdown was so long ahead within the month, with nothing else about it changing then."""
    found = []
    for identifier in sorted(month.truth.lives):
        for at in {each.value for each in month.truth.intervals(identifier, "lockdown_at") if each.value}:
            begin, end = at - delay - 2 * EVERY, at - delay + 2 * EVERY
            if begin < BEGIN or end > NOW or (begin < OUTAGE[1] and end > OUTAGE[0]):
                continue
            there = month.first_seen(identifier) <= begin and not month.is_gone(identifier, end)
            if there and month.since(identifier, "lockdown_at", end) <= begin:
                still = month.value(identifier, "lockdown_at", end) == at
                calm = bool(delay) or month.since(identifier, "phase", end) <= begin
                found += [(identifier, at)] if still and calm else []
    return found


@pytest.mark.parametrize("which", range(EACH))
def test_an_environment_comes_and_goes(month: Month, which: int) -> None:
    """Twelve picked cases: unknown before the first sweep that found it, gone after the first that did not."""
    whole = [each for each, life in sorted(month.truth.lives.items()) if life.end and month.first_seen(each) > BEGIN]
    identifier = [each for each in whole if month.first_seen(each) < NOW][which]
    first = month.first_seen(identifier)
    gone = next(each for each in month.sweeps if month.is_gone(identifier, each))
    assert identifier not in shown(first - MINUTE)
    assert shown(first + MINUTE)[identifier].row.gone_at is None
    assert shown(gone - MINUTE)[identifier].row.gone_at is None
    said = shown(gone + MINUTE)[identifier]
    assert (said.row.gone_at, said.lockdown, said.archive) == (gone, "deleted", "deleted")


def test_the_past_as_rebuilt_is_what_the_audits_said_then(month: Month) -> None:
    """By the functions and by the database alike; but for starts and archivings that nobody saw."""
    assert len(told) >= 15
    for at, then in told.items():
        rebuilt = shown(at)
        assert counted(at) == {pk: (each.lockdown, each.archive) for pk, each in rebuilt.items()}
        assert set(rebuilt) == set(then)
        for identifier, said in then.items():
            assert said.lockdown == rebuilt[identifier].lockdown
            assert said.archive == rebuilt[identifier].archive or month.missed(identifier, at)


def counted(at: datetime) -> dict[str, tuple[str, str]]:
    """The statuses by the conditions that pages count by."""
    found: dict[str, list[str]] = {}
    with AsOf(at).reading():
        policy, rows = policy_at(at), Environment.objects.annotate(since=archiving.SINCE)
        for conditions in (lockdown.conditions(policy, at), archiving.conditions(policy, at)):
            for status, condition in conditions.items():
                wanted = Q(gone_at=None) & condition | (
                    Q(gone_at__isnull=False) if status == "deleted" else Q(pk__in=())
                )
                for pk in rows.filter(wanted).values_list("pk", flat=True):
                    found.setdefault(str(pk), []).append(status)
    return {pk: (first, second) for pk, (first, second) in found.items()}


def test_a_stop_lies_between_the_two_times_that_were_observed(month: Month) -> None:
    seen = list(Stop.objects.exclude(old_seen_at=None))
    assert len(seen) > 10
    for stop in seen:
        phases = month.truth.intervals(str(stop.environment_id), "phase")
        kept = month.truth.intervals(str(stop.environment_id), "archived_at")
        begins = [each.begin for each in phases if each.value == Phase.STOPPED]
        begins += [each.begin for each in kept if each.value is None]
        assert any(stop.old_seen_at <= begin <= stop.seen_at for begin in begins)


def test_an_outage_is_a_gap_and_nothing_else_is(month: Month) -> None:
    for moment in some_moments(200, seed=2):
        is_gap = observed(moment).is_gap
        assert is_gap == (moment - month.swept(moment) > 3 * EVERY)
        if is_gap:
            assert OUTAGE[0] < moment < OUTAGE[1]


def test_within_an_outage_nothing_is_claimed_but_what_was_known_before(month: Month) -> None:
    """Not even what time alone would have brought, such as a lockdown that came: it may have been moved."""
    last = month.swept(OUTAGE[0] + MINUTE)
    before = shown(last)
    guessed = 0
    for moment in some_moments(25, 5, OUTAGE[0] + 4 * EVERY, OUTAGE[1]):
        said = shown(moment)
        assert {pk: each[1:] for pk, each in said.items()} == {pk: each[1:] for pk, each in before.items()}
        alive = set(said) & month.truth.environments_at(moment)
        guessed += sum(each != month.lockdown(pk, moment, moment) for pk, each in _lockdown_of(said, alive))
    assert guessed > 25  # the truth went on


def _lockdown_of(said: dict[str, Shown], identifiers: set[str]) -> Iterator[tuple[str, str]]:
    return ((identifier, said[identifier].lockdown) for identifier in identifiers)


PAGES = {"lockdown": lockdown.STATUSES, "archive": archiving.STATUSES}


@pytest.mark.parametrize("moment", [*some_moments(6, seed=11), OUTAGE[0] + DAY])
@pytest.mark.parametrize("slug", PAGES)
def test_the_numbers_on_the_page_are_the_truth(month: Month, slug: str, moment: datetime) -> None:
    answer = factories.client("Viewer").get(f"/audit/{slug}/", {"as_of": written(moment), "gone": "yes", "size": 100})
    page, at = html.unescape(answer.content.decode()), month.swept(moment)
    found = re.findall(r'env-count">([\d,]+)</span>\s*<span class="tone-\w+">([^<]*)</span>', page)
    numbers = {label: int(number) for number, label in found}
    is_gap = moment - at > 3 * EVERY
    assert ("Nothing was observed at that time" in page) == is_gap
    assert page.count("not observed, last recorded") >= 25 * is_gap
    now, known = at if is_gap else moment, month.known(at)
    if slug == "lockdown":
        wanted = Counter(month.lockdown(identifier, at, now) for identifier in known)
        assert numbers == {status.label: wanted[name] for name, status in PAGES[slug].items()}
        return
    possible = [month.archive(each, at, now) for each in known if not month.missed(each, at)]
    unsure = sum(len(each) > 1 for each in possible) + len(known) - len(possible)
    for name, status in PAGES[slug].items():
        least = sum(each == {name} for each in possible)
        assert least <= numbers[status.label] <= least + unsure
    assert sum(numbers.values()) == len(known)
