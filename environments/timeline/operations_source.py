"""Timeline source: the operations requested through the portal."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Count

from environments.models import Environment
from environments.timeline.lane_bars import Mark, Period
from environments.timeline.sources import Contribution, Entry, Place, Slice, Source, take_first
from portal.ledger.models import Operation
from portal.ledger.rows import COLUMNS, Row, rows
from portal.web.formatting import sentence

LETTER: Final = "o"
LANE: Final = "operations"
LABELS = {LANE: "Operations"}
MOST_MARKS = 1000


def contribute(environment: Environment, period: Period) -> Contribution:
    """One mark per operation requested in the period, linking to its page."""
    own = Operation.objects.of_environment(environment.pk).only(*COLUMNS)
    requested = own.filter(asked_at__gte=period.start, asked_at__lte=period.end).newest_first()
    named = f"newest {MOST_MARKS:,} operations of the period"
    shown, left_out = take_first(MOST_MARKS, rows(requested[: MOST_MARKS + 1]), named)
    return Contribution(LABELS, marks=[_mark(row) for row in shown], left_out=left_out)


def _mark(row: Row) -> Mark:
    label = f"{sentence(row.action)}, requested by {row.actor}: {row.outcome}"
    return Mark(LANE, "operation", row.asked_at, label, key=f"{LETTER}{row.id}", url=row.url)


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """The operations of a slice."""
    own = Operation.objects.of_environment(environment.pk).only(*COLUMNS)
    requested = own.filter(part.query(LETTER, "asked_at")).newest_first()
    return [_entry(row) for row in rows(requested[: part.limit])]


def _entry(row: Row) -> Entry:
    return Entry(
        Place(row.asked_at, LETTER, row.id),
        LANE,
        f"{row.action} requested",
        new=row.outcome,
        after=row.asked_at,  # the portal's own time is exact
        who=row.actor,
        why=row.reason,
        url=row.url,
    )


def change_token(environment: Environment) -> str:
    """Changes when operations are requested or closed."""
    counted = Operation.objects.of_environment(environment.pk).aggregate(
        requested=Count("pk"), closed=Count("closed_at")
    )
    return f"{counted['requested']}-{counted['closed']}"


OPERATIONS: Final[Source] = Source(
    LETTER, ("ledger.view_operation",), LABELS, contribute, entries, change_token, ids=UUID
)
