"""List every environment, quickly: one page after another where Ona answers at once, in slices side by side where not.

Page tokens make a listing sequential: at 80 ms a page, 1,000 pages take 80 s. But `createdBefore` starts a listing
anywhere, and lists come newest first; so idle workers take over the older half of what a busy one has before it, until
nothing worth halving is left. A slice ends with the first page that lies wholly before its lower bound.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import Full, Queue

from django.conf import settings

from portal.ona import OnaClient
from portal.ona.base import PAGE_SIZE
from portal.ona.documents.environments import EnvironmentPage
from portal.ona.documents.values import timestamp_text

SLOW = 0.05  # seconds a page may take before slices are worth their extra requests
OLDEST = datetime(2020, 1, 1, tzinfo=UTC)  # before the vendor's first environment of this kind
AHEAD = 20  # pages read but not yet merged: enough to read on while a batch is being written


@dataclass
class Slice:
    """Environments created before `upper` (None: all) and not before `lower` (None: all), read down to `reached`."""

    upper: datetime | None
    lower: datetime | None = None
    reached: datetime | None = None
    page_span: timedelta = timedelta(0)  # how far back the last page went
    done: bool = False

    @property
    def rest(self) -> timedelta:
        """How much time is left to read."""
        return self.reached - (self.lower or OLDEST) if self.reached and not self.done else timedelta(0)


class Listing:
    """An iterable of pages; `total` as Ona counts, or None; `sliced` tells whether slices were used."""

    def __init__(self, client: OnaClient, times: Sequence[datetime], concurrency: int) -> None:
        self.total: int | None = None
        self.sliced = False
        self._client = client
        self._times = times  # known creation times, equally many environments apart
        self._concurrency = concurrency
        self._slices = [Slice(None)]
        self._lock = threading.Lock()
        self._pages: Queue[EnvironmentPage | BaseException | None] = Queue(AHEAD)
        self._listed = 0
        self._stopping = False

    def __iter__(self) -> Generator[EnvironmentPage]:
        workers = [threading.Thread(target=self._work, args=(self._slices[0],), daemon=True)]
        workers[0].start()
        working = 1
        try:
            while working:
                page = self._pages.get()
                if isinstance(page, BaseException):
                    raise page
                if page is None:
                    working -= 1
                    continue
                yield page
                if self.sliced and len(workers) < self._concurrency:
                    more = [
                        threading.Thread(target=self._work, daemon=True) for _ in range(len(workers), self._concurrency)
                    ]
                    workers += more
                    working += len(more)
                    for worker in more:
                        worker.start()
        finally:
            self._stopping = True
            for worker in workers:
                worker.join()

    def _work(self, slice_: Slice | None = None) -> None:
        """Read slices until there is none worth taking; ends with None or the error in the queue."""
        end: BaseException | None = None
        try:
            while slice_ := slice_ or self._take():
                self._read(slice_)
                slice_ = None
        except BaseException as error:
            end = error
        self._put(end)

    def _read(self, slice_: Slice) -> None:
        token, first = "", slice_.upper is None
        try:
            while not self._stopping:
                began = time.monotonic()
                page = self._client.list_environments(token=token, filter=_filter(slice_), count=first and not token)
                self._note(slice_, page, time.monotonic() - began)
                self._put(page)
                token = page.next_token
                if not token or slice_.rest < timedelta(0):
                    return
        finally:
            slice_.done = True

    def _note(self, slice_: Slice, page: EnvironmentPage, seconds: float) -> None:
        """Learn from a page: the total, how far the slice has come, and whether slices are worth it."""
        created = [item.metadata.head.created_at for item in page.items if item.metadata.head.created_at]
        with self._lock:
            self._listed += len(page.items)
            if page.total is not None:
                self.total = page.total if page.total_exact else None
            if created:
                slice_.page_span = (slice_.reached or max(created)) - min(created)
                slice_.reached = min(created)
            self.sliced = self.sliced or (bool(page.next_token) and seconds > SLOW and self._concurrency > 1)

    def _take(self) -> Slice | None:
        """The older half of the slice with the most left, or None when nothing is worth halving."""
        with self._lock:
            busy = sum(not each.done for each in self._slices)
            if self.total is not None and self.total - self._listed <= busy * PAGE_SIZE:
                return None  # the busy ones have it with their next page
            for each in sorted(self._slices, key=self._left, reverse=True):
                if (middle := self._middle(each)) is not None:
                    half = Slice(middle, each.lower, reached=middle, page_span=each.page_span)
                    each.lower = middle
                    self._slices.append(half)
                    return half
        return None

    def _between(self, slice_: Slice) -> Sequence[datetime]:
        """The known creation times that lie strictly within what a slice has left."""
        if slice_.reached is None or slice_.done:
            return ()
        return self._times[bisect_right(self._times, slice_.lower or OLDEST) : bisect_left(self._times, slice_.reached)]

    def _left(self, slice_: Slice) -> tuple[int, timedelta]:
        return len(self._between(slice_)), slice_.rest

    def _middle(self, slice_: Slice) -> datetime | None:
        """Where to halve what is left of a slice; None if that is not worth a request."""
        if slice_.reached is None or slice_.rest <= 2 * slice_.page_span:
            return None
        if self._times:
            between = self._between(slice_)
            return between[len(between) // 2] if between else None
        return slice_.reached - slice_.rest / 2

    def _put(self, page: EnvironmentPage | BaseException | None) -> None:
        while not self._stopping:
            with suppress(Full):
                self._pages.put(page, timeout=0.2)
                return


def _filter(slice_: Slice) -> dict[str, str]:
    return {"createdBefore": timestamp_text(slice_.upper)} if slice_.upper else {}


def environments(client: OnaClient, times: Sequence[datetime] = (), concurrency: int | None = None) -> Listing:
    """A listing of every environment, archived ones too; `times`: creation times known from before."""
    return Listing(client, times, concurrency or settings.ONA_CONCURRENCY)
