"""The list beneath the picture: the entries of all sources in the period, newest first, in pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from environments.models import Environment
from environments.timeline.event_labels import state_word
from environments.timeline.query import Choice, View
from environments.timeline.sources import Entry, Place, Slice, Source
from portal.lists.folding import folded

ROWS = 50
MAX_SEARCHED = 200  # rows searched per page, so that a page is quick however long the history is


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A page of entries; `older` is the URL of the next, empty on the last.

    `searched_to` is the time down to which a search has come, None if it covered the page.
    """

    entries: list[Entry]
    older: str
    is_older: bool
    searched_to: datetime | None = None


def list_entries(environment: Environment, view: View, sources: Iterable[Source]) -> EntryPage:
    """Read a page of the view's lane, or of all lanes; as many queries as the sources take for a page."""
    sources_of_lane = _sources_of_lane(view, sources)
    most = MAX_SEARCHED if view.words else ROWS
    part = Slice(view.period, view.lane, _valid_cursor(view.after, sources_of_lane), most + 1)
    found = _newest_entries(environment, sources_of_lane, part)
    read = found[:most]
    fitting = _matching(read, view)
    shown = fitting[:ROWS]
    if len(fitting) > ROWS:
        return EntryPage(shown, view.older(shown[-1].place), part.after is not None)
    is_cut = len(found) > most
    older = view.older(read[-1].place) if is_cut else ""
    return EntryPage(shown, older, part.after is not None, read[-1].at if is_cut and view.words else None)


def read_entries(
    environment: Environment, view: View, sources: Iterable[Source], size: int = MAX_SEARCHED
) -> Iterator[list[Entry]]:
    """Read all entries of the view's lane, period and search words, in batches of `size`."""
    sources_of_lane, after = _sources_of_lane(view, sources), None
    while True:
        piece = _newest_entries(environment, sources_of_lane, Slice(view.period, view.lane, after, size))[:size]
        yield _matching(piece, view)
        if len(piece) < size:
            return
        after = piece[-1].place


def _sources_of_lane(view: View, sources: Iterable[Source]) -> list[Source]:
    return [source for source in sources if not view.lane or view.lane in source.lanes]


def _newest_entries(environment: Environment, sources_of_lane: Iterable[Source], part: Slice) -> list[Entry]:
    """The entries of all sources in a slice, in the list's order."""
    found = [entry for source in sources_of_lane for entry in source.entries(environment, part)]
    found.sort(key=lambda entry: (entry.place.at, entry.place.letter, str(entry.place.id).zfill(40)), reverse=True)
    return found


def _matching(found: list[Entry], view: View) -> list[Entry]:
    """The entries that contain the view's search words."""
    words = folded(view.words).split()
    return [entry for entry in found if _matches(entry, words)] if words else found


def _matches(entry: Entry, words: Iterable[str]) -> bool:
    """Whether an entry contains all words in what, old, new, who or why."""
    values = [_as_text(value) for value in (entry.old, entry.new)]
    text = folded("\n".join((entry.what, entry.who, entry.why, *values)))
    return all(word in text for word in words)


def _as_text(value: str | datetime | None) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return f"{value}\n{state_word(value)}" if value else ""


def _valid_cursor(after: Place | None, sources: Sequence[Source]) -> Place | None:
    """The cursor, if it is a valid one of these sources; else None."""
    if after is None:
        return None
    own = next((source for source in sources if source.letter == after.letter), None)
    return after if own is not None and isinstance(after.id, own.ids) else None


def lane_choices(view: View, sources: Iterable[Source]) -> list[Choice]:
    """Links that restrict the list to a lane."""
    named = [("", "All"), *(lane for source in sources for lane in source.lanes.items())]
    return [Choice(label, view.url(lane=name), name == view.lane) for name, label in named]
