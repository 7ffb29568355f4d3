"""List all environments: page after page if Ona answers at once, else in parallel slices.

Page tokens make a listing sequential: at 80 ms a page, 1,000 pages take 80 s. But `createdBefore` starts a listing
anywhere, and pages are newest first; so idle workers take over the older half of what a busy worker still has to read,
until nothing is worth halving. A slice ends with the first page that lies wholly before its lower limit.
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

SLOW = 0.05  # seconds per page above which slices are worth their extra requests
OLDEST = datetime(2020, 1, 1, tzinfo=UTC)  # before the vendor's first environment
AHEAD = 20  # pages read but not yet merged: enough to go on reading while a batch is written


@dataclass
class Slice:
    """Environments created before `upper` (None: all) and not before `lower` (None: all), read down to `reached`."""

    upper: datetime | None
    lower: datetime | None = None
    reached: datetime | None = None
    page_span: timedelta = timedelta(0)  # the creation times that the last page spanned
    done: bool = False

    @property
    def unread(self) -> timedelta:
        """The creation times still to be read."""
        return self.reached - (self.lower or OLDEST) if self.reached and not self.done else timedelta(0)


class Listing:
    """An iterable of pages. `total` is Ona's count, or None; `sliced`: whether slices were used."""

    def __init__(self, client: OnaClient, times: Sequence[datetime], concurrency: int) -> None:
        self.total: int | None = None
        self.sliced = False
        self._client = client
        self._times = times  # recorded creation times, equally many environments apart
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
        """Read slices until none is worth taking; put None or the error into the queue at the end."""
        end: BaseException | None = None
        try:
            while slice_ := slice_ or self._take_half():
                self._read(slice_)
                slice_ = None
        except BaseException as error:
            end = error
        self._put(end)

    def _read(self, slice_: Slice) -> None:
        began = time.monotonic()
        try:
            for page in self._client.environment_pages(filter=_filter(slice_), count=slice_.upper is None):
                self._learn_from(slice_, page, time.monotonic() - began)
                self._put(page)
                if self._stopping or slice_.unread < timedelta(0):
                    return
                began = time.monotonic()
        finally:
            slice_.done = True

    def _learn_from(self, slice_: Slice, page: EnvironmentPage, seconds: float) -> None:
        """Update the total, how far the slice has been read, and whether slices are worth it."""
        created = [item.metadata.head.created_at for item in page.items if item.metadata.head.created_at]
        with self._lock:
            self._listed += len(page.items)
            if page.total is not None:
                self.total = page.total if page.total_exact else None
            if created:
                slice_.page_span = (slice_.reached or max(created)) - min(created)
                slice_.reached = min(created)
            self.sliced = self.sliced or (bool(page.next_token) and seconds > SLOW and self._concurrency > 1)

    def _take_half(self) -> Slice | None:
        """Take the older half of the slice with the most unread; None if none is worth halving."""
        with self._lock:
            busy = sum(not each.done for each in self._slices)
            if self.total is not None and self.total - self._listed <= busy * PAGE_SIZE:
                return None  # the busy workers will get it with their next page
            for each in sorted(self._slices, key=self._left, reverse=True):
                if (middle := self._middle(each)) is not None:
                    half = Slice(middle, each.lower, reached=middle, page_span=each.page_span)
                    each.lower = middle
                    self._slices.append(half)
                    return half
        return None

    def _between(self, slice_: Slice) -> Sequence[datetime]:
        """The recorded creation times within the unread part of a slice."""
        if slice_.reached is None or slice_.done:
            return ()
        return self._times[bisect_right(self._times, slice_.lower or OLDEST) : bisect_left(self._times, slice_.reached)]

    def _left(self, slice_: Slice) -> tuple[int, timedelta]:
        return len(self._between(slice_)), slice_.unread

    def _middle(self, slice_: Slice) -> datetime | None:
        """Where to halve the unread part of a slice; None if that is not worth a request."""
        if slice_.reached is None or slice_.unread <= 2 * slice_.page_span:
            return None
        if self._times:
            between = self._between(slice_)
            return between[len(between) // 2] if between else None
        return slice_.reached - slice_.unread / 2

    def _put(self, page: EnvironmentPage | BaseException | None) -> None:
        while not self._stopping:
            with suppress(Full):
                self._pages.put(page, timeout=0.2)
                return


def _filter(slice_: Slice) -> dict[str, str]:
    return {"createdBefore": timestamp_text(slice_.upper)} if slice_.upper else {}


def environments(client: OnaClient, times: Sequence[datetime] = (), concurrency: int | None = None) -> Listing:
    """List all environments, archived ones too; `times` are recorded creation times to slice at."""
    return Listing(client, times, concurrency or settings.ONA_CONCURRENCY)
