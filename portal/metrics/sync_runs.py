"""Runs of the sync by kind and result, from the first one on. Those of earlier days are counted once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock

from django.db import connection
from django.utils import timezone

from environments.models import SyncRun

BOUNDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)  # seconds
SETTLED = timedelta(days=1)  # a run takes a quarter of an hour at most
COUNTED = """
SELECT kind, state, width_bucket(seconds, %(bounds)s::double precision[]), count(*), sum(seconds)
FROM (
    SELECT kind, state, extract(epoch FROM finished_at - started_at)::double precision AS seconds
    FROM environments_syncrun
    WHERE id > %(after)s AND id <= %(upto)s AND finished_at IS NOT NULL AND kind <> 'events'
) AS ended GROUP BY 1, 2, 3
"""
NEWEST = 2**63 - 1
Key = tuple[str, str]


@dataclass
class Tally:
    """How many runs took how long, and how long all together, by kind and result."""

    counts: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * (len(BOUNDS) + 1)))
    seconds: dict[Key, float] = field(default_factory=lambda: defaultdict(float))

    def add(self, after: int, upto: int) -> None:
        """Add the ended runs with ids above `after`, up to `upto`; one query."""
        with connection.cursor() as cursor:
            cursor.execute(COUNTED, {"bounds": list(BOUNDS), "after": after, "upto": upto})
            for kind, state, bucket, count, seconds in cursor.fetchall():
                self.counts[kind, state][bucket] += count
                self.seconds[kind, state] += seconds

    def merged(self, other: Tally) -> Iterator[tuple[Key, list[int], float]]:
        """The sums of both."""
        for key in sorted({*self.counts, *other.counts}):
            counts = [mine + theirs for mine, theirs in zip(self.counts[key], other.counts[key], strict=True)]
            yield key, counts, self.seconds[key] + other.seconds[key]


class SyncRunCounts:
    """The counts of all runs; two or three queries over the runs of a day. Thread-safe."""

    def __init__(self) -> None:
        self._settled, self._upto, self._lock = Tally(), 0, Lock()

    def read(self) -> list[tuple[Key, list[int], float]]:
        """Kind and result, the counts per bucket, and the seconds of all."""
        with self._lock:
            old = SyncRun.objects.filter(started_at__lt=timezone.now() - SETTLED).order_by("-started_at", "-id").first()
            if old and old.pk > self._upto:
                self._settled.add(self._upto, old.pk)
                self._upto = old.pk
            recent = Tally()
            recent.add(self._upto, NEWEST)
            return list(self._settled.merged(recent))
