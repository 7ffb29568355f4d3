"""The kinds of job. Each room declares its own and registers them when Django starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.jobs.work import Work

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Made:
    """What a job's file is, once it is written."""

    file_name: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of job.

    `name` is stored: never rename it. `permissions` tells what these arguments need: when the job is requested, when it
    runs, and when its result is fetched. `run` writes the result into the file of its work and tells its progress; it
    may run again from the start if its worker ends.
    """

    name: str
    label: str
    permissions: Callable[[Arguments], tuple[str, ...]]
    run: Callable[[Work, Arguments], Made]


KINDS: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    """Add kinds by their names."""
    KINDS.update({kind.name: kind for kind in kinds})
