"""Export of a timeline: the rows of the list beneath the picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from environments.models import Environment
from environments.timeline.list import lane_choices, read_entries
from environments.timeline.query import View
from environments.timeline.sources import Entry, Source
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.lists.place import Chip
from portal.web.formatting import phase_word

COLUMNS = ("id", "seen_at", "old_seen_at", "lane", "what", "old", "new", "who", "why")
NOTE = (
    "A change happened between old_seen_at, when it was not yet observed, and seen_at; without an old_seen_at it is "
    "only certain that it was before seen_at."
)


def timeline(asking: Asking, environment: Environment, view: View, sources: Sequence[Source]) -> Export:
    """The rows of the view's period, lane and search words, newest first. Counted, then read, in one snapshot."""
    count = sum(map(len, read_entries(environment, view, sources)))
    lane = next((choice for choice in lane_choices(view, sources) if choice.is_current), None)
    chips = [Chip("Lane", lane.label if lane else view.lane, "")] if view.lane else []
    chips += [Chip("", view.words, "")] if view.words else []
    shown = view.period
    metadata = head(asking, filters=chips, order="-seen_at", count=count, period=(shown.start, shown.end))
    metadata |= {"environment_id": environment.pk, "environment": environment.name or None}
    metadata |= {"from": shown.start, "until": shown.end, "note": NOTE}
    rows = _rows(read_entries(environment, view, sources))
    return Export("timeline", f"Timeline of {environment}", metadata, COLUMNS, rows)


def _rows(batches: Iterator[list[Entry]]) -> Iterator[Sequence[Any]]:
    for batch in batches:
        for entry in batch:
            yield (
                entry.key, entry.at, entry.after, entry.lane, entry.what, _value(entry, entry.old),
                _value(entry, entry.new), entry.who or None, entry.why or None,
            )  # fmt: skip


def _value(entry: Entry, value: str | datetime | None) -> Any:
    return phase_word(value) if value and entry.kind == "phase" and isinstance(value, str) else value or None
