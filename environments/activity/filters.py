"""What the activity stream can be filtered by. Its pages come from two tables (`queries`), so no filter asks one."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from portal.lists import readers
from portal.lists.declaration import ListQuery, Span
from portal.lists.filters import Filter, Values, words_of
from portal.lists.period import SPANS, span_words, time_words

SOURCES = {
    "portal": "requested through the portal",
    "outside": "done outside the portal",
    "ona": "all of Ona's audit log",
}


def _asks(values: Values) -> Q:
    return Q()


FILTERS = (
    Filter("source", "Show", _asks, readers.word_of(SOURCES), words_of(SOURCES), single=True),
    Filter("who", "Who", _asks, single=True),
    Filter("environment", "Environment", _asks, single=True),
    Filter("what", "What", _asks, single=True),
    Filter("since", "Within", _asks, readers.span_text, span_words, single=True),
    Filter("from", "From", _asks, readers.first_time_text, time_words, single=True),
    Filter("to", "To", _asks, readers.last_time_text, time_words, single=True),
)


def period(query: ListQuery) -> Span:
    """The requested period; of two starts the later one counts."""
    starts = [readers.time(query.one("from"))] if query.one("from") else []
    if query.one("since"):
        starts.append(timezone.now() - readers.span(query.one("since")))
    end: datetime | None = readers.end_of(query.one("to")) if query.one("to") else None
    return max(starts, default=None), end


def spans(query: ListQuery) -> list[tuple[str, str]]:
    """The choices of periods, and the one in the query."""
    asked = query.one("since")
    return [*SPANS.items(), *([(asked, f"last {asked}")] if asked and asked not in SPANS else [])]
