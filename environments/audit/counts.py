"""The number of environments per status, and per day ahead: one pass over the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Case, Count, DateTimeField, F, Q, TextField, Value, When
from django.db.models.functions import TruncDay

from environments.audit.forecast import DAYS, begin_of
from environments.audit.query import DELETED, AuditState


@dataclass(frozen=True, slots=True)
class Tally:
    """`ahead` has, by status, the days of the next thirty, in UTC; `every` counts all that the filters leave."""

    statuses: dict[str, int]
    ahead: dict[str, dict[date, int]]
    every: int


def tally(state: AuditState) -> Tally:
    """Count in two queries, or none if cached; selected statuses make no difference."""
    return state.cached("tally", Tally, lambda: _tally(state))


def _tally(state: AuditState) -> Tally:
    statuses, ahead = Counter[str](), dict[str, Counter[date]]()
    every = 0
    for status, day, count in _counted(state):
        every += count
        statuses[status] += count
        if day and status:
            ahead.setdefault(status, Counter())[day.date()] += count
    statuses[DELETED] += state.gone.order_by().count()
    return Tally({name: statuses[name] for name in state.audit.statuses}, {**ahead}, every)


def _counted(state: AuditState) -> list[tuple[str, datetime | None, int]]:
    """Rows by status (empty if deleted) and by day ahead, if any."""
    begin, now = begin_of(state.now), state.now
    conditions = conditions_of(state)
    status = Case(
        *(When(condition, then=Value(name)) for name, condition in conditions.items()),
        default=Value(""), output_field=TextField(),
    )  # fmt: skip
    rows = state.environments.order_by().annotate(at=state.audit.when(state.policy, False))
    near = Q(at__gt=now, at__lt=begin + timedelta(days=DAYS))
    day = Case(When(near, then=TruncDay(F("at"), tzinfo=begin.tzinfo)), default=None, output_field=DateTimeField())
    return list(rows.values_list(status, day).annotate(count=Count("*")))


def conditions_of(state: AuditState) -> dict[str, Q]:
    """The conditions without "deleted" if none is, so that an index answers."""
    conditions = state.audit.conditions(state.policy, state.now)
    if not state.may_be_deleted:
        return conditions
    return {name: Q(gone_at=None) & condition for name, condition in conditions.items()}
