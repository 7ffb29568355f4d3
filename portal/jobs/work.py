"""What a kind of job works with: its file, its progress, and whether it is to stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

from django.contrib.auth.models import User

from portal.jobs.models import Job

T = TypeVar("T")


class Stopped(Exception):
    """The job was cancelled, or its lease is another worker's: what was made so far is not stored."""


class JobFailed(Exception):
    """The job cannot be done; `args[0]` says why, for people."""


@dataclass(kw_only=True)
class Progress:
    """How far work has come: `done` of `total` rows, 0 if that is unknown. Telling it costs no query."""

    step: str = ""
    done: int = 0
    total: int = 0
    _stop: Exception | None = None

    def begin(self, step: str, total: int | None = None) -> None:
        """Name what is done now; `total` is how much there is to do in all, if it becomes known with this step."""
        self.step = step
        self.total = self.total if total is None else total
        self.advance(0)

    def advance(self, by: int = 1) -> None:
        """So much more is done; raises what the work is to stop for."""
        self.done += by
        if self._stop:
            raise self._stop

    def counted(self, rows: Iterable[T]) -> Iterator[T]:
        """The rows, each of which is progress."""
        for row in rows:
            self.advance()
            yield row

    @property
    def is_stopped(self) -> bool:
        """Whether it is to stop."""
        return self._stop is not None

    def stop(self, why: Exception) -> None:
        """Have the next step of progress raise this."""
        self._stop = why


@dataclass
class Work(Progress):
    """A job that is being done, for `actor`, and the file for its result."""

    job: Job
    actor: User
    file: BinaryIO
