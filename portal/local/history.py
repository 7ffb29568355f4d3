"""Fills the portal's tables with the past of a sandbox's world, as regular sync runs would have done."""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec
from django.conf import settings
from django.db.models import Count

from environments.models import SyncRun, Transition
from environments.overview import counts
from environments.overview.refresh import refresh_parts
from environments.sync import observe as sync_observe
from portal.directory.sync import observe_organization
from portal.ona.documents.directory import read_organization, read_policies
from portal.ona.documents.environments import EnvironmentDocument, Observation, read_environment
from portal.sandbox.documents import Document, datetime_of, micros, pruned
from portal.sandbox.history_log import Life, Truth
from portal.sandbox.world import World

Observe = Callable[[Iterable[Observation]], object]
Outage = tuple[datetime, datetime]  # from, to: no sync run in between
PAGE = 100
DAY = timedelta(days=1)
_OUTAGES = ((0.45, timedelta(hours=9)), (0.88, timedelta(hours=1)))  # after which part of the past, for how long
_RARELY = timedelta(hours=12)
_encode = msgspec.json.encode


class Sight(NamedTuple):
    """What a sync run, by its number, saw of an environment; no document where it was deleted."""

    run: int
    environment: str
    document: EnvironmentDocument | None
    is_news: bool


def replay(
    world: World,
    *,
    every: timedelta,
    outages: Sequence[Outage] = (),
    observe: Observe = sync_observe.observe,
    after: Callable[[datetime], object] | None = None,
    after_at: Iterable[datetime] = (),
) -> list[datetime]:
    """Fill the tables from the past of a world that was made with a history; answers the times of the sync runs.

    A sync run at each interval and one at the end, none in an outage. Documents that a run saw unchanged are given to
    `observe` only where it matters: just before they changed, and at the end. `after` is called once everything
    up to a time of `after_at` is in the tables.
    """
    truth = world.truth
    if truth is None:
        raise ValueError("the world was made without a history")
    times = sync_times(datetime_of(truth.begin), world.now, every, outages)
    instants = [micros(each) for each in times]
    sights = heapq.merge(
        *(sights_of(identifier, life, instants) for identifier, life in truth.lives.items()),
        key=lambda sight: sight.run,
    )
    _replay_policies(world, truth, times)
    called_at = {bisect_right(times, each) for each in after_at}
    begin, upcoming = 0, next(sights, None)
    a_day = max(1, DAY // every)
    for end in sorted({*range(a_day, len(times), a_day), len(times), *called_at} - {0}):
        seen = []
        while upcoming and upcoming.run < end:
            seen.append(upcoming)
            upcoming = next(sights, None)
        _replay_part(truth, times[begin:end], begin, seen, observe)
        if after and end in called_at:
            after(times[end - 1])
        begin = end
    return times


def sync_times(begin: datetime, end: datetime, every: timedelta, outages: Sequence[Outage] = ()) -> list[datetime]:
    """From the beginning at each interval, and at the end, outages left out."""
    times = [begin + number * every for number in range((end - begin) // every + 1)]
    if times[-1] != end:
        times.append(end)
    return [each for each in times if not any(since <= each < until for since, until in outages)]


def sights_of(identifier: str, life: Life, times: Sequence[int]) -> Iterator[Sight]:
    """What sync runs at these instants see of an environment: each new state, again before the next one, its end."""
    was_seen = False
    for (since, state), until in zip(life.states(), life.ends(), strict=False):
        first, beyond = bisect_left(times, since), bisect_left(times, until)
        if first < beyond:
            document = read_environment(_encode(pruned(state)))
            yield Sight(first, identifier, document, is_news=True)
            if first < beyond - 1:
                yield Sight(beyond - 1, identifier, document, is_news=False)
            was_seen = True
    if was_seen and life.end is not None:
        deleted = bisect_left(times, life.end)
        if deleted < len(times):
            yield Sight(deleted, identifier, None, is_news=True)


def _replay_part(
    truth: Truth, times: Sequence[datetime], first: int, sights: Sequence[Sight], observe: Observe
) -> None:
    """Replay some sync runs, the first of them with this number among all."""
    observe(Observation(times[each.run - first], each.document) for each in sights if each.document)
    deleted: dict[datetime, list[UUID]] = {}
    for each in sights:
        if each.document is None:
            deleted.setdefault(times[each.run - first], []).append(UUID(each.environment))
    for at, ids in deleted.items():
        sync_observe.mark_deleted(ids, at)
    changed = Counter(times[each.run - first] for each in sights if each.is_news)
    _record(truth, times, changed, {at: len(ids) for at, ids in deleted.items()})


def _record(truth: Truth, times: Sequence[datetime], changed: Counter[datetime], deleted: dict[datetime, int]) -> None:
    """Store each sync run as it would have been recorded."""
    begun = sorted(life.begin for life in truth.lives.values())
    ended = sorted(life.end for life in truth.lives.values() if life.end is not None)
    noted = Transition.objects.filter(seen_at__gte=times[0], seen_at__lte=times[-1]).order_by()
    transitions = dict(noted.values_list("seen_at").annotate(Count("pk")))
    runs = []
    for at in times:
        listed = bisect_right(begun, micros(at)) - bisect_right(ended, micros(at))
        pages = max(1, -(-listed // PAGE))
        runs.append(
            SyncRun(
                kind=SyncRun.Kind.ENVIRONMENTS,
                state=SyncRun.State.SUCCEEDED,
                started_at=at,
                finished_at=at + timedelta(seconds=1),
                pages=pages,
                requests=pages,
                listed=listed,
                changed=changed[at],
                transitions=transitions.get(at, 0),
                gone=deleted.get(at, 0),
            )
        )
    SyncRun.objects.bulk_create(runs, batch_size=2000)


def _replay_policies(world: World, truth: Truth, times: Sequence[datetime]) -> None:
    """Each version of the policies as the first sync run after it and the last before the next would have read them."""
    changes = [each.at for each in truth.policies]
    for version, until in zip(truth.policies, [*changes[1:], None], strict=True):
        first = bisect_left(times, version.at)
        beyond = bisect_left(times, until) if until else len(times)
        for number in sorted({first, beyond - 1} if first < beyond else ()):
            _observe_policies(world.organization.document, version.document, times[number])


def _observe_policies(organization: Document, policies: Document, at: datetime) -> None:
    observe_organization(read_organization(_encode(organization)), read_policies(_encode(policies)), at)


def fill_tables(world: World) -> None:
    """As `replay`, with sync runs close enough to count as unbroken, and a night and an hour of outage.

    The overview is refreshed as well, its hourly counts as often as its charts show them: the older, the rarer.
    """
    truth = world.truth
    begin = world.now if truth is None else datetime_of(truth.begin)
    length = world.now - begin
    outages = [(begin + part * length, begin + part * length + pause) for part, pause in _OUTAGES]
    every = timedelta(seconds=2.5 * settings.SWEEP_SECONDS)
    days = iter(_days(begin, world.now))
    replay(world, every=every, outages=outages, after=_Overview(days), after_at=_counted_at(begin, world.now))


class _Overview:
    """Refreshes the overview: everything once a day, the counts alone in between."""

    def __init__(self, days: Iterator[datetime]) -> None:
        self._days = days
        self._next = next(days, None)

    def __call__(self, at: datetime) -> None:
        if self._next is None or at < self._next:
            counts.store_snapshot(at, counts.count_all(at))
            return
        refresh_parts(at)
        while self._next is not None and self._next <= at:
            self._next = next(self._days, None)


def _days(begin: datetime, end: datetime) -> list[datetime]:
    return [end - number * DAY for number in range((end - begin) // DAY, -1, -1)]


def _counted_at(begin: datetime, end: datetime) -> list[datetime]:
    times, at = [], end
    while at > begin:
        times.append(at)
        age = end - at
        at -= timedelta(hours=1) if age < DAY else timedelta(hours=3) if age < 7 * DAY else _RARELY
    return times
