"""The changes of one start as one row of the list, which can be unfolded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from environments.timeline.sources import Entry
from environments.timeline.startup_drawing import span
from environments.timeline.startups import Start, find_starts
from environments.timeline.transitions_source import LETTER, STATES, TransitionRow

FEWEST = 3  # entries that are worth a row of their own


@dataclass(frozen=True, slots=True)
class EntryGroup:
    """The entries of one start, newest first; `is_open` if one of them is selected."""

    what: str
    entries: Sequence[Entry]
    is_open: bool

    @property
    def at(self) -> datetime:
        return self.entries[0].at


def group_starts(entries: Sequence[Entry], created: datetime | None, chosen: str = "") -> list[Entry | EntryGroup]:
    """The entries of a page, newest first, those of one start (or of the creation) together where its newest one is."""
    rows = {entry.key: row for entry in entries if (row := _transition(entry))}
    groups = [_group(entries, rows, start, chosen) for start in find_starts(rows.values(), created=created)]
    by_key = {entry.key: group for group in groups if group for entry in group.entries}
    return list(_shown(entries, by_key))


def _shown(entries: Sequence[Entry], groups: dict[str, EntryGroup]) -> Iterator[Entry | EntryGroup]:
    for entry in entries:
        group = groups.get(entry.key)
        if group is None:
            yield entry
        elif group.entries[0] is entry:
            yield group


def _transition(entry: Entry) -> TransitionRow | None:
    """The transition of a phase that an entry tells."""
    lane, id_, old, new = entry.lane, entry.place.id, entry.old, entry.new
    if entry.place.letter != LETTER or entry.kind != "phase" or lane not in STATES or not isinstance(id_, int):
        return None
    return TransitionRow(id_, STATES[lane].value, str(old or ""), str(new or ""), entry.after, entry.at)


def _group(entries: Sequence[Entry], rows: dict[str, TransitionRow], start: Start, chosen: str) -> EntryGroup | None:
    """None for a start of which too little is on the page."""
    last = max(start.parts, key=lambda part: part.latest, default=None)
    end = (start.after or start.by) + (last.latest if last else timedelta(0))
    own = [entry for entry in entries if entry.key in rows and start.by <= entry.at <= end]
    if last is None or len(own) < FEWEST:
        return None
    failed = next((part for part in start.parts if part.outcome == "failed"), None)
    what = f"Start failed: {failed.name.lower()}" if failed else f"Started, up {span(last)}"
    return EntryGroup(f"{what} ({len(own)} changes)", own, any(entry.key == chosen for entry in own))
