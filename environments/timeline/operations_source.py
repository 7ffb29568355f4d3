"""What was asked of an environment through the portal, in its timeline."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.db.models import Count

from environments.models import Environment
from environments.timeline.lanes import Mark, Period
from environments.timeline.source import Entry, Place, Slice, Source, Story, at_most
from portal.ledger.models import Operation
from portal.ledger.rows import COLUMNS, Row, rows

LETTER: Final = "o"
LANE: Final = "operations"
LABELS = {LANE: "Operations"}
MOST_MARKS = 1000


def story(environment: Environment, period: Period) -> Story:
    """A mark for each operation asked for in the period, which leads to its page."""
    own = Operation.objects.of_environment(environment.pk).only(*COLUMNS)
    asked = own.filter(asked_at__gte=period.start, asked_at__lte=period.end).newest_first()
    named = f"newest {MOST_MARKS:,} operations of the period"
    shown, left_out = at_most(MOST_MARKS, rows(asked[: MOST_MARKS + 1]), named)
    return Story(LABELS, marks=[_mark(row) for row in shown], left_out=left_out)


def _mark(row: Row) -> Mark:
    label = f"{row.action.capitalize()}, asked for by {row.actor}: {row.outcome}"
    return Mark(LANE, "operation", row.asked_at, label, key=f"{LETTER}{row.id}", url=row.url)


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """Operations in words."""
    own = Operation.objects.of_environment(environment.pk).only(*COLUMNS)
    asked = own.filter(part.query(LETTER, "asked_at")).newest_first()
    return [_entry(row) for row in rows(asked[: part.limit])]


def _entry(row: Row) -> Entry:
    return Entry(
        Place(row.asked_at, LETTER, row.id),
        LANE,
        f"{row.action} asked for",
        new=row.outcome,
        after=row.asked_at,  # the portal's own: it is known exactly
        who=row.actor,
        why=row.reason,
        url=row.url,
    )


def revision(environment: Environment) -> str:
    """Operations come, and end."""
    counted = Operation.objects.of_environment(environment.pk).aggregate(asked=Count("pk"), closed=Count("closed_at"))
    return f"{counted['asked']}-{counted['closed']}"


ASKED_FOR: Final[Source] = Source(LETTER, ("ledger.view_operation",), LABELS, story, entries, revision, ids=UUID)
