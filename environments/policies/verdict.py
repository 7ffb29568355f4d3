"""The columns of an environment that policies are judged by, and what a verdict is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.urls import reverse

from environments.models import Environment, EnvironmentQuerySet, Phase
from portal.web.formatting import phase_word

UP = (Phase.CREATING, Phase.STARTING, Phase.RUNNING, Phase.UPDATING)
UNKNOWN_PHASES = ("", "ENVIRONMENT_PHASE_UNSPECIFIED")
NEVER = Q(pk__in=())
# Of rows that are present, `Facts.is_deleted` by the phase alone: the counts are read from an index without `gone_at`.
NOT_DELETED = ~Q(phase=Phase.DELETED)


@dataclass(frozen=True, slots=True)
class Status:
    """One status of an audit: its word in addresses is its key there; `tone` colours it."""

    label: str
    tone: str
    means: str


@dataclass(frozen=True, slots=True)
class Changed:
    """A lockdown that was set, moved or cleared between `after` and `by`, and by whom, in words. Without an operation
    that was done outside the portal."""

    old: datetime | None
    new: datetime | None
    after: datetime | None
    by: datetime
    who: str
    reason: str = ""
    operation_id: UUID | None = None

    @property
    def what(self) -> str:
        return "moved" if self.old and self.new else "set" if self.new else "cleared"

    @property
    def operation_url(self) -> str:
        return reverse("operations:detail", args=[self.operation_id]) if self.operation_id else ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The status of one environment, when what it is about happened or will happen, and what it was derived from;
    `change` is what of that somebody did."""

    status: str
    at: datetime | None = None
    because: tuple[str, ...] = ()
    change: Changed | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """`stop` is the newest transition into "stopped" or out of the archive: after the first time and by the second. The
    first is None where it was first observed stopped. `changed` is the newest change of its lockdown."""

    phase: str
    created_at: datetime | None = None
    lockdown_at: datetime | None = None
    archived_at: datetime | None = None
    gone_at: datetime | None = None
    last_used_at: datetime | None = None
    stop: tuple[datetime | None, datetime] | None = None
    changed: Changed | None = None

    @classmethod
    def of(cls, environment: Environment, changed: Changed | None = None) -> Facts:
        """Of a row read by `with_stops`, or by itself where nobody asks since when it is stopped."""
        columns: Any = environment  # the annotations are no fields of the model
        stop = (columns.stop_after, columns.stop_seen_at) if getattr(columns, "stop_seen_at", None) else None
        return cls(
            environment.phase, environment.created_at, environment.lockdown_at, environment.archived_at,
            environment.gone_at, environment.last_used_at, stop, changed,
        )  # fmt: skip

    @property
    def is_deleted(self) -> bool:
        return self.gone_at is not None or self.phase == Phase.DELETED

    @property
    def word(self) -> str:
        return phase_word(self.phase)


def with_stops(environments: EnvironmentQuerySet) -> EnvironmentQuerySet:
    """With the annotations that `Facts.of` reads."""
    return environments.annotate(stop_after=F("stop__old_seen_at"), stop_seen_at=F("stop__seen_at"))


def present(condition: Q) -> Q:
    """A condition of policies where some of the rows may be gone: no policy reaches those."""
    return Q(gone_at=None) & condition


def utc(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def deleted(facts: Facts) -> Verdict:
    """Of a deleted environment."""
    if facts.gone_at:
        because = f"Ona no longer listed it at {utc(facts.gone_at)}, and did not find it by its id."
        return Verdict("deleted", facts.gone_at, (because,))
    return Verdict("deleted", None, ("Its phase is deleted.",))


def case(conditions: dict[Any, Any]) -> Case:
    """A time by condition; absent where none holds."""
    whens = [When(condition, then=expression) for condition, expression in conditions.items()]
    return Case(*whens, default=Value(None), output_field=DateTimeField())
