"""The change log: changes of every environment, by the time they were recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from environments.list.exports import word
from environments.models import Field, Transition
from environments.timeline.event_labels import Event, event
from environments.timeline.query import format_time
from environments.timeline.transitions_source import LETTER
from portal.lists.declaration import Cells, Heading, List, ListQuery, Table, without_blanks
from portal.lists.keyset import Sort

READ = ("environments.view_environment", "environments.view_transition")
LATE = timedelta(minutes=1)  # changes of one sync run are recorded in any order
NEXT = 20  # changes seen later that are compared with one


@dataclass(frozen=True, slots=True)
class SeenChange:
    """A transition and the environment it is about; `is_late`: recorded after others that were seen later."""

    event: Event
    name: str
    url: str
    change_url: str
    is_late: bool = False


def latest(number: int) -> list[SeenChange]:
    """The changes seen last."""
    return list(map(_seen, _with_environment(Transition.objects.telling()).order_by("-seen_at", "-id")[:number]))


def _with_environment(rows: QuerySet[Transition]) -> QuerySet[Transition]:
    return rows.select_related("environment").only("environment__name", "field", "old", "new", "old_seen_at", "seen_at")


def _read(rows: QuerySet[Transition]) -> QuerySet[Any]:
    """With the ids of the changes seen next. Ids tell the order of recording."""
    later = Transition.objects.telling().filter(seen_at__gt=OuterRef("seen_at") + Value(LATE))
    next_ids = ArraySubquery(later.order_by("seen_at", "id").values("pk")[:NEXT])
    return _with_environment(rows).annotate(next_ids=next_ids)


def _display(rows: Sequence[Any], query: ListQuery, request: HttpRequest) -> list[SeenChange]:
    return [_seen(row, is_late=any(pk < row.pk for pk in row.next_ids)) for row in rows]


def _seen(row: Transition, *, is_late: bool = False) -> SeenChange:
    name, url = row.environment.name or str(row.environment_id), environment_url(row.environment_id)
    return SeenChange(event(row), name, url, change_url(row.environment_id, row.pk, row.seen_at), is_late)


def environment_url(environment_id: UUID) -> str:
    """The page of an environment."""
    return reverse("environments:detail", args=[environment_id])


def change_url(environment_id: UUID, transition_id: int, seen_at: datetime) -> str:
    """The timeline of the day around a change, with the change selected."""
    query = {"zoom": "day", "to": format_time(seen_at + timedelta(hours=12)), "transition": f"{LETTER}{transition_id}"}
    return f"{reverse('environments:timeline', args=[environment_id])}?{urlencode(query)}#chosen"


def in_words(values: Cells) -> Cells:
    """Phases as lists have them; all else as Ona has it."""
    *before, old, new = without_blanks(values)
    return [*before, *(word(value) if before[-1] == Field.PHASE else value for value in (old, new))]


CHANGE_LOG = List(
    name="change-log",
    page_url="overview-changes",
    title="Change log",
    one="change",
    many="changes",
    model=Transition,
    permissions=READ,
    # read from transition_telling, in both directions
    sorts=(Sort("seen", "Recorded", F("seen_at"), None, first_click_descends=True),),
    default_order="-seen",
    base=lambda query: Transition.objects.telling(),
    read=_read,
    display=_display,
    is_counted=False,
    headings=(
        Heading("ov-when", sort="seen"),
        Heading("", "Environment"),
        Heading("", "What"),
        Heading("", "From"),
        Heading("", "To"),
    ),
    template="environments/overview/changes.html",
    body_template="",
    rows_template="environments/overview/_change_rows.html",
    empty_template="environments/overview/_no_changes.html",
    css="ov-log",
    table=Table(
        name="change-log",
        title="Change log",
        columns={
            "id": "id",
            "seen_at": "seen_at",
            "not_yet_at": "old_seen_at",
            "environment_id": "environment_id",
            "environment": "environment__name",
            "field": "field",
            "old": "old",
            "new": "new",
        },
        row=in_words,
    ),
)
