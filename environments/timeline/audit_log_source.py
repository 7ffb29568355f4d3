"""Timeline source: changes made outside the portal, from Ona's audit log."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.urls import reverse
from django.utils.http import urlencode

from environments.activity.actors import Names, actor, names_of
from environments.activity.attribution import SOURCE
from environments.models import Environment
from environments.timeline.lane_bars import Mark, Period
from environments.timeline.sources import Contribution, Entry, Place, Slice, Source, take_first
from portal.ledger.models import AuditLog
from portal.web.formatting import sentence

LETTER: Final = "l"
LANE: Final = "outside"
LABELS = {LANE: "Outside the portal"}
MOST_MARKS = 1000
OUTSIDE_THE_PORTAL = "outside the portal"
OWN = "by the account of the portal's own token, with no matching operation"


def contribute(environment: Environment, period: Period) -> Contribution:
    """One mark per entry in the period; two queries."""
    own = AuditLog.objects.near([environment.pk], period.start, period.end)
    named = f"newest {MOST_MARKS:,} entries of Ona's audit log in the period"
    rows, left_out = take_first(MOST_MARKS, list(own.defer("document")[: MOST_MARKS + 1]), named)
    names, url = names_of(rows), _url(environment)
    return Contribution(LABELS, marks=[_mark(entry, names, url) for entry in rows], left_out=left_out)


def _mark(entry: AuditLog, names: Names, url: str) -> Mark:
    label = f"{sentence(_words(entry))}, by {actor(entry, names)}, {_where(entry)}"
    return Mark(LANE, "outside", entry.at, label, key=f"{LETTER}{entry.pk}", url=url)


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """Entries with Ona's action names; two queries."""
    own = AuditLog.objects.of_environment(environment.pk).outside().filter(part.query(LETTER, "at"))
    rows = list(own.newest_first().defer("document")[: part.limit])
    names, url = names_of(rows), _url(environment)
    return [_entry(entry, names, url) for entry in rows]


def _entry(entry: AuditLog, names: Names, url: str) -> Entry:
    return Entry(
        Place(entry.at, LETTER, entry.pk),
        LANE,
        _words(entry),
        after=entry.at,  # Ona's own time is exact
        who=actor(entry, names),
        why=f"{_where(entry)} ({SOURCE})",
        url=url,
    )


def _words(entry: AuditLog) -> str:
    return entry.action or "an unnamed action"


def _where(entry: AuditLog) -> str:
    """Name the portal's account too: it requests tokens to read logs, without an operation."""
    return OWN if entry.is_own else OUTSIDE_THE_PORTAL


def _url(environment: Environment) -> str:
    return f"{reverse('operations:stream')}?{urlencode({'environment': str(environment.pk)})}"


def change_token(environment: Environment) -> str:
    """Changes with the number of entries: they are only added, but late ones too."""
    return str(AuditLog.objects.of_environment(environment.pk).outside().count())


AUDIT_LOG: Final[Source] = Source(
    LETTER, ("ledger.view_operation", "ledger.view_auditlog"), LABELS, contribute, entries, change_token, ids=UUID
)
