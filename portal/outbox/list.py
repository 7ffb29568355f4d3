"""The lists of the outbox: messages, attempts at sending them, and destinations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zlib import crc32

from django.db.models import Count, F, IntegerField, Q, QuerySet
from django.db.models.functions import Upper
from django.http import HttpRequest

from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.filters import Filter, any_of, in_column, in_ids, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import word_of
from portal.outbox.events import KINDS
from portal.outbox.models import Attempt, Destination, Message
from portal.outbox.words import subject_of

SEE = "outbox.see_outbox"
MANAGE = "outbox.manage_destinations"
STATES = {str(state.value): str(state.label) for state in Message.State}
RESULTS = {
    "delivered": Q(status__gte=200, status__lt=300),
    "failed": Q(duration__isnull=False) & (Q(status=None) | Q(status__lt=200) | Q(status__gte=300)),
    "unknown": Q(duration=None),
}


def _number(text: str) -> str:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError("takes the number of a destination")
    return str(int(text))


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("takes the id of an environment") from None


def _destination(column: str) -> Filter:
    def words(values: Any) -> dict[str, str]:
        names = {str(pk): name for pk, name in Destination.objects.filter(pk__in=values).values_list("pk", "name")}
        return {value: names.get(value, value) for value in values}

    return Filter("destination", "Destination", any_of(lambda value: Q(**{column: value})), _number, words)


def _choices(name: str, words: Mapping[str, str]) -> Callable[[HttpRequest, ListQuery, str], Mapping[str, Any]]:
    """Links that narrow the list by one of its filters."""

    def context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
        chosen = query.one(name)
        pairs = [("", "All"), *((value, label.capitalize()) for value, label in words.items())]
        return {
            "choices": [(label, query.place.only(name, value), chosen == value) for value, label in pairs],
            "here_tab": query.listing.name,
        }

    return context


def _token(rows: Callable[[], QuerySet[Any]]) -> Callable[[], str]:
    return lambda: f"{crc32(repr(list(rows())).encode()):08x}"


def _one(name: str, label: str, words: Mapping[str, str]) -> Filter:
    return Filter(name, label, in_column(name), word_of(words), words_of(words), single=True)


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message as the list shows it; the URL narrows the list to its kind."""

    message: Message
    subject: str
    kind: str
    kind_url: str


def _display(messages: Sequence[Message], query: ListQuery, request: HttpRequest) -> list[MessageRow]:
    return [
        MessageRow(each, subject_of(each), KINDS.get(each.kind, each.kind), query.place.only("kind", each.kind))
        for each in messages
    ]


NEWEST = Sort("at", "When", F("at"), None, first_click_descends=True)
SHARED: dict[str, Any] = {
    "permissions": (SEE,),
    "body_template": "",
    "before_template": "outbox/_choices.html",
}
MESSAGES = List(
    name="messages",
    page_url="outbox:list",
    export_url="outbox:export",
    title="Outbox",
    one="message",
    many="messages",
    model=Message,
    sorts=(NEWEST,),  # read from message_newest
    default_order="-at",
    filters=(
        _one("state", "State", STATES),
        _one("kind", "Kind", KINDS),
        _destination("destination"),
        Filter("environment", "Environment", in_ids("environment_id"), _id, single=True),
    ),
    read=lambda rows: rows.select_related("destination"),
    display=_display,
    context=_choices("state", STATES),
    change_token=_token(lambda: Message.objects.order_by("-at", "-id").values_list("pk", "state", "attempts")[:100]),
    changes_url="outbox:changes",
    headings=(
        Heading("op-when", "When", "at"),
        Heading("", "Kind"),
        Heading("", "About"),
        Heading("", "Destination"),
        Heading("", "State"),
        Heading("text-end", "Attempts"),
    ),
    template="outbox/list.html",
    rows_template="outbox/_rows.html",
    table=Table(
        name="messages",
        title="Messages",
        columns={
            "id": "id", "message_id": "message_id", "destination_id": "destination_id",
            "destination": "destination__name", "to": "to", "kind": "kind", "environment_id": "environment_id",
            "at": "at", "state": "state", "attempts": "attempts", "due_at": "due_at", "settled_at": "settled_at",
        },
    ),
    detail=lambda message: {"content": message.content},
    **SHARED,
)  # fmt: skip
ATTEMPTS = List(
    name="attempts",
    page_url="outbox:attempts",
    export_url="outbox:attempts-export",
    title="Attempts",
    one="attempt",
    many="attempts",
    model=Attempt,
    sorts=(NEWEST,),  # read from attempt_newest
    default_order="-at",
    filters=(
        Filter("result", "Result", any_of(RESULTS), word_of(RESULTS), words_of({}), single=True),
        _destination("message__destination"),
    ),
    read=lambda rows: rows.select_related("message__destination"),
    context=_choices("result", {name: name for name in RESULTS}),
    change_token=_token(lambda: Attempt.objects.order_by("-at", "-id").values_list("pk", "duration")[:100]),
    changes_url="outbox:attempts-changes",
    headings=(
        Heading("op-when", "When", "at"),
        Heading("", "Message"),
        Heading("", "Destination"),
        Heading("", "Result"),
        Heading("text-end", "Duration"),
        Heading("", "Answer"),
    ),
    template="outbox/list.html",
    rows_template="outbox/_attempt_rows.html",
    table=Table(
        name="attempts",
        title="Attempts",
        columns={
            "id": "id", "message": "message_id", "message_id": "message__message_id",
            "destination": "message__destination__name", "at": "at", "duration": "duration", "status": "status",
            "failure": "failure", "answer": "answer",
        },
    ),
    **SHARED,
)  # fmt: skip


def with_waiting(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Destinations with the numbers of messages that wait, and that were given up."""
    counted: QuerySet[Any] = rows.annotate(
        waiting=Count("message", filter=Q(message__state=Message.State.PENDING)),
        given_up=Count("message", filter=Q(message__state=Message.State.DEAD)),
    )
    return counted


DESTINATIONS = List(
    name="destinations",
    page_url="outbox:destinations",
    title="Destinations",
    one="destination",
    many="destinations",
    model=Destination,
    # destinations are dozens at most: sorting them costs less than an index
    sorts=(Sort("name", "Name", Upper("name"), ""),),
    default_order="name",
    filters=(_one("state", "State", dict(Destination.State.choices)),),
    read=with_waiting,
    context=_choices("state", dict(Destination.State.choices)),
    headings=(
        Heading("", "Name", "name"),
        Heading("", "Address"),
        Heading("", "Events"),
        Heading("", "State"),
        Heading("text-end", "Waiting"),
        Heading("text-end", "Given up"),
    ),
    template="outbox/list.html",
    rows_template="outbox/_destination_rows.html",
    table=Table(
        name="destinations",
        title="Destinations",
        columns={
            **{name: name for name in ("id", "name", "kind", "address", "events", "state", "made_at", "failures")},
            "retry_at": "retry_at", "waiting": "waiting", "given_up": "given_up",
        },
        every=lambda query: with_waiting(query.rows()),
        types={"waiting": IntegerField, "given_up": IntegerField},
    ),
    detail=lambda destination: {},
    **SHARED,
)  # fmt: skip
LISTS = (MESSAGES, ATTEMPTS, DESTINATIONS)
