"""The timeline of an environment as a table: the rows of the list beneath the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from environments.models import Environment
from environments.timeline.list import lanes, pieces
from environments.timeline.query import View
from environments.timeline.source import Entry, Source
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.lists.place import Chip
from portal.web.formatting import phase_word

COLUMNS = ("id", "seen_at", "old_seen_at", "lane", "what", "old", "new", "who", "why")
NOTE = (
    "A change happened between old_seen_at, when it had not been seen yet, and seen_at; without an old_seen_at it is "
    "only known that it was before seen_at."
)


def timeline(asking: Asking, environment: Environment, view: View, sources: Sequence[Source]) -> Export:
    """All rows of the view's period, lane and words, newest first; in a snapshot, counted and then read."""
    count = sum(map(len, pieces(environment, view, sources)))
    lane = next((choice for choice in lanes(view, sources) if choice.is_current), None)
    chips = [Chip("Lane", lane.label if lane else view.lane, "")] if view.lane else []
    chips += [Chip("", view.words, "")] if view.words else []
    shown = view.period
    said = head(asking, filters=chips, order="-seen_at", count=count, period=(shown.start, shown.end))
    said |= {"environment_id": environment.pk, "environment": environment.name or None}
    said |= {"from": shown.start, "until": shown.end, "note": NOTE}
    rows = _rows(pieces(environment, view, sources))
    return Export("timeline", f"Timeline of {environment}", said, COLUMNS, rows)


def _rows(found: Iterator[list[Entry]]) -> Iterator[Sequence[Any]]:
    for piece in found:
        for entry in piece:
            yield (
                entry.key, entry.at, entry.after, entry.lane, entry.what, _value(entry, entry.old),
                _value(entry, entry.new), entry.who or None, entry.why or None,
            )  # fmt: skip


def _value(entry: Entry, value: str | datetime | None) -> Any:
    return phase_word(value) if value and entry.kind == "phase" and isinstance(value, str) else value or None
