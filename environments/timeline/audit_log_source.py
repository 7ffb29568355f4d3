"""What was done to an environment outside the portal, as Ona's audit log tells it, in its timeline."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils.http import urlencode

from environments.activity.actors import Names, actor, names_of
from environments.activity.attribution import SOURCE
from environments.models import Environment
from environments.timeline.lanes import Mark, Period
from environments.timeline.source import Entry, Place, Slice, Source, Story, at_most
from portal.ledger.models import AuditLog

LETTER: Final = "l"
LANE: Final = "outside"
LABELS = {LANE: "Outside the portal"}
MOST_MARKS = 1000
OUTSIDE_THE_PORTAL = "outside the portal"
OWN = "by the account of the portal's own token, though no operation fits"


def story(environment: Environment, period: Period) -> Story:
    """A mark for each entry of the period; two queries."""
    own = AuditLog.objects.near([environment.pk], period.start, period.end)
    named = f"newest {MOST_MARKS:,} entries of Ona's audit log in the period"
    found, left_out = at_most(MOST_MARKS, list(own.defer("document")[: MOST_MARKS + 1]), named)
    names, url = names_of(found), _url(environment)
    return Story(LABELS, marks=[_mark(entry, names, url) for entry in found], left_out=left_out)


def _mark(entry: AuditLog, names: Names, url: str) -> Mark:
    label = f"{_words(entry).capitalize()}, by {actor(entry, names)}, {_where(entry)}"
    return Mark(LANE, "outside", entry.at, label, key=f"{LETTER}{entry.pk}", url=url)


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """Entries in Ona's words; two queries."""
    own = AuditLog.objects.of_environment(environment.pk).outside().filter(part.query(LETTER, "at"))
    found = list(own.newest_first().defer("document")[: part.limit])
    names, url = names_of(found), _url(environment)
    return [_entry(entry, names, url) for entry in found]


def _entry(entry: AuditLog, names: Names, url: str) -> Entry:
    return Entry(
        Place(entry.at, LETTER, entry.pk),
        LANE,
        _words(entry),
        after=entry.at,  # Ona's own: it is known exactly
        who=actor(entry, names),
        why=f"{_where(entry)} ({SOURCE})",
        url=url,
    )


def _words(entry: AuditLog) -> str:
    return entry.action or "something that Ona has no words for"


def _where(entry: AuditLog) -> str:
    """The portal itself, too, asks for tokens without an operation: to read a log."""
    return OWN if entry.is_own else OUTSIDE_THE_PORTAL


def _url(environment: Environment) -> str:
    return f"{reverse('operations:stream')}?{urlencode({'environment': str(environment.pk)})}"


def revision(environment: Environment) -> str:
    """Entries are only added; late ones too, so they are counted."""
    return str(AuditLog.objects.of_environment(environment.pk).outside().count())


OUTSIDE: Final[Source] = Source(
    LETTER, ("ledger.view_operation", "ledger.view_auditlog"), LABELS, story, entries, revision, ids=UUID
)
