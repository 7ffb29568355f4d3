"""Tells the portal's tables what a world of the sandbox has lived through, as if they had been swept all along."""

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
from portal.sandbox.documents import Document, micros, moment, pruned
from portal.sandbox.history_log import Life, Truth
from portal.sandbox.world import World

Observe = Callable[[Iterable[Observation]], object]
Outage = tuple[datetime, datetime]  # from, to: no sweep in between
PAGE = 100
DAY = timedelta(days=1)
_OUTAGES = ((0.45, timedelta(hours=9)), (0.88, timedelta(hours=1)))  # after which part of the past, for how long
_RARELY = timedelta(hours=12)
_encode = msgspec.json.encode


class Sight(NamedTuple):
    """What a sweep, by its number, saw of an environment; no document where it found that it was gone."""

    sweep: int
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
    """Fill the tables from the past of a world that was made with a history; the moments of the sweeps.

    A sweep every so often and one at the end, none in an outage. Documents that a sweep saw unchanged are given to
    `observe` only where it matters: just before they changed, and at the end. `after` is called once all up to a moment
    of `after_at` is in the tables.
    """
    truth = world.truth
    if truth is None:
        raise ValueError("the world was made without a history")
    sweeps = sweep_moments(moment(truth.begin), world.now, every, outages)
    instants = [micros(each) for each in sweeps]
    sights = heapq.merge(
        *(sights_of(identifier, life, instants) for identifier, life in truth.lives.items()),
        key=lambda sight: sight.sweep,
    )
    _replay_policies(world, truth, sweeps)
    asked = {bisect_right(sweeps, each) for each in after_at}
    begin, upcoming = 0, next(sights, None)
    a_day = max(1, DAY // every)
    for end in sorted({*range(a_day, len(sweeps), a_day), len(sweeps), *asked} - {0}):
        found = []
        while upcoming and upcoming.sweep < end:
            found.append(upcoming)
            upcoming = next(sights, None)
        _replay_part(truth, sweeps[begin:end], begin, found, observe)
        if after and end in asked:
            after(sweeps[end - 1])
        begin = end
    return sweeps


def sweep_moments(begin: datetime, end: datetime, every: timedelta, outages: Sequence[Outage] = ()) -> list[datetime]:
    """From the beginning every so often, and at the end, outages left out."""
    moments = [begin + number * every for number in range((end - begin) // every + 1)]
    if moments[-1] != end:
        moments.append(end)
    return [each for each in moments if not any(since <= each < until for since, until in outages)]


def sights_of(identifier: str, life: Life, sweeps: Sequence[int]) -> Iterator[Sight]:
    """What sweeps at these instants see of one environment: each new state, it once more before the next, its end."""
    was_seen = False
    for (since, state), until in zip(life.states(), life.ends(), strict=False):
        first, beyond = bisect_left(sweeps, since), bisect_left(sweeps, until)
        if first < beyond:
            document = read_environment(_encode(pruned(state)))
            yield Sight(first, identifier, document, is_news=True)
            if first < beyond - 1:
                yield Sight(beyond - 1, identifier, document, is_news=False)
            was_seen = True
    if was_seen and life.end is not None:
        gone = bisect_left(sweeps, life.end)
        if gone < len(sweeps):
            yield Sight(gone, identifier, None, is_news=True)


def _replay_part(
    truth: Truth, sweeps: Sequence[datetime], first: int, sights: Sequence[Sight], observe: Observe
) -> None:
    """Some sweeps, the first of them with this number among all."""
    observe(Observation(sweeps[each.sweep - first], each.document) for each in sights if each.document)
    gone: dict[datetime, list[UUID]] = {}
    for each in sights:
        if each.document is None:
            gone.setdefault(sweeps[each.sweep - first], []).append(UUID(each.environment))
    for at, ids in gone.items():
        sync_observe.mark_deleted(ids, at)
    changed = Counter(sweeps[each.sweep - first] for each in sights if each.is_news)
    _record(truth, sweeps, changed, {at: len(ids) for at, ids in gone.items()})


def _record(truth: Truth, sweeps: Sequence[datetime], changed: Counter[datetime], gone: dict[datetime, int]) -> None:
    """A run for each sweep, as it would have been recorded."""
    begun = sorted(life.begin for life in truth.lives.values())
    ended = sorted(life.end for life in truth.lives.values() if life.end is not None)
    noted = Transition.objects.filter(seen_at__gte=sweeps[0], seen_at__lte=sweeps[-1]).order_by()
    transitions = dict(noted.values_list("seen_at").annotate(Count("pk")))
    runs = []
    for at in sweeps:
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
                gone=gone.get(at, 0),
            )
        )
    SyncRun.objects.bulk_create(runs, batch_size=2000)


def _replay_policies(world: World, truth: Truth, sweeps: Sequence[datetime]) -> None:
    """Each version of the policies as the first sweep after it and the last before the next would have read them."""
    changes = [each.at for each in truth.policies]
    for version, until in zip(truth.policies, [*changes[1:], None], strict=True):
        first = bisect_left(sweeps, version.at)
        beyond = bisect_left(sweeps, until) if until else len(sweeps)
        for number in sorted({first, beyond - 1} if first < beyond else ()):
            _observe_policies(world.organization.document, version.document, sweeps[number])


def _observe_policies(organization: Document, policies: Document, at: datetime) -> None:
    observe_organization(read_organization(_encode(organization)), read_policies(_encode(policies)), at)


def tell(world: World) -> None:
    """As `replay`, by sweeps as frequent as the portal takes for unbroken, with a night and an hour without the portal.

    The overview is kept up to date as well, its hourly counts as often as its charts show them: the older, the rarer.
    """
    truth = world.truth
    begin = world.now if truth is None else moment(truth.begin)
    length = world.now - begin
    outages = [(begin + part * length, begin + part * length + pause) for part, pause in _OUTAGES]
    every = timedelta(seconds=2.5 * settings.SWEEP_SECONDS)
    days = iter(_days(begin, world.now))
    replay(world, every=every, outages=outages, after=_Overview(days), after_at=_counted_at(begin, world.now))


class _Overview:
    """Keeps the overview: everything once a day, the counts alone in between."""

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
    moments, at = [], end
    while at > begin:
        moments.append(at)
        age = end - at
        at -= timedelta(hours=1) if age < DAY else timedelta(hours=3) if age < 7 * DAY else _RARELY
    return moments
