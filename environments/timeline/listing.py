"""The list beneath the picture: what all sources know of the period, newest first, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from environments.models import Environment
from environments.timeline.periods import Choice, View
from environments.timeline.sources import Entry, Place, Slice, Source

ROWS = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of rows; `older` is the address of the next, empty at the end."""

    entries: list[Entry]
    older: str
    is_older: bool


def listed(environment: Environment, view: View, sources: Iterable[Source]) -> Listed:
    """The rows of the view's lane, or of all; as many queries as its sources take for a page."""
    asked = _asked(view, sources)
    part = Slice(view.period, view.lane, _fitting(view.after, asked), ROWS + 1)
    found = _nearest(environment, asked, part)
    shown = found[:ROWS]
    older = view.older(shown[-1].place) if len(found) > ROWS else ""
    return Listed(shown, older, part.after is not None)


def pieces(environment: Environment, view: View, sources: Iterable[Source], size: int) -> Iterator[list[Entry]]:
    """All rows of the view's lane and period, so many at a time, wherever in the list the view is."""
    asked, after = _asked(view, sources), None
    while True:
        piece = _nearest(environment, asked, Slice(view.period, view.lane, after, size))[:size]
        yield piece
        if len(piece) < size:
            return
        after = piece[-1].place


def _asked(view: View, sources: Iterable[Source]) -> list[Source]:
    return [source for source in sources if not view.lane or view.lane in source.lanes]


def _nearest(environment: Environment, asked: Iterable[Source], part: Slice) -> list[Entry]:
    """What each source has of a part, in the list's order."""
    found = [entry for source in asked for entry in source.entries(environment, part)]
    found.sort(key=lambda entry: (entry.place.at, entry.place.letter, str(entry.place.id).zfill(40)), reverse=True)
    return found


def _fitting(after: Place | None, sources: Sequence[Source]) -> Place | None:
    """A place of a source that is asked, with an id as that has them; a made-up one is not heeded."""
    if after is None:
        return None
    own = next((source for source in sources if source.letter == after.letter), None)
    return after if own is not None and isinstance(after.id, own.ids) else None


def lanes(view: View, sources: Iterable[Source]) -> list[Choice]:
    """The lanes to narrow the list to."""
    named = [("", "All"), *(lane for source in sources for lane in source.lanes.items())]
    return [Choice(label, view.url(lane=name), name == view.lane) for name, label in named]
