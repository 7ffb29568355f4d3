"""The list beneath the picture: what all sources know of the period, newest first, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from environments.models import Environment
from environments.timeline.event_labels import state_word
from environments.timeline.query import Choice, View
from environments.timeline.source import Entry, Place, Slice, Source

ROWS = 50
SEARCHED = 200  # rows that one page looks through for words, so that it takes no longer however long the history is


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of rows; `older` is the address of the next, empty at the end.

    `searched_to` is where a search for words ended for now, None where it went through to the page's last row.
    """

    entries: list[Entry]
    older: str
    is_older: bool
    searched_to: datetime | None = None


def listed(environment: Environment, view: View, sources: Iterable[Source]) -> Listed:
    """The rows of the view's lane, or of all; as many queries as its sources take for a page."""
    asked = _asked(view, sources)
    most = SEARCHED if view.words else ROWS
    part = Slice(view.period, view.lane, _fitting(view.after, asked), most + 1)
    found = _nearest(environment, asked, part)
    read = found[:most]
    fitting = _saying(read, view)
    shown = fitting[:ROWS]
    if len(fitting) > ROWS:
        return Listed(shown, view.older(shown[-1].place), part.after is not None)
    is_cut = len(found) > most
    older = view.older(read[-1].place) if is_cut else ""
    return Listed(shown, older, part.after is not None, read[-1].at if is_cut and view.words else None)


def pieces(
    environment: Environment, view: View, sources: Iterable[Source], size: int = SEARCHED
) -> Iterator[list[Entry]]:
    """All rows of the view's lane, period and words, read so many at a time, wherever in the list the view is."""
    asked, after = _asked(view, sources), None
    while True:
        piece = _nearest(environment, asked, Slice(view.period, view.lane, after, size))[:size]
        yield _saying(piece, view)
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


def _saying(found: list[Entry], view: View) -> list[Entry]:
    """Those that have the view's words."""
    words = view.words.casefold().split()
    return [entry for entry in found if _says(entry, words)] if words else found


def _says(entry: Entry, words: Iterable[str]) -> bool:
    """Whether the row has all these words: in what, from, to, who or why."""
    values = [_written(value) for value in (entry.old, entry.new)]
    text = "\n".join((entry.what, entry.who, entry.why, *values)).casefold()
    return all(word in text for word in words)


def _written(value: str | datetime | None) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return f"{value}\n{state_word(value)}" if value else ""


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
