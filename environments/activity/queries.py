"""Pages of the stream: the nearest rows of both tables, merged. Both are read along an index on (time, id)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from environments.activity.filters import period
from environments.models import Environment
from portal.directory.models import Member
from portal.ledger.facets import occurring
from portal.ledger.labels import action_words
from portal.ledger.models import AuditLog, Operation
from portal.ledger.models.audit_log import AuditLogQuerySet
from portal.lists.declaration import ListQuery
from portal.lists.folding import contains, folded
from portal.lists.keyset import Cursor, Order, Page

PORTAL, ONA = "portal", "ona"
MOST_NAMED = 200  # people or environments whose ids are written into a query
MOST_OCCURRING = 5000


class Spot(NamedTuple):
    """A row by its place in the stream."""

    at: datetime
    pk: UUID
    source: str

    @property
    def id(self) -> UUID:
        return self.pk


@dataclass(frozen=True, slots=True)
class Part:
    """One table of the stream: the rows that are asked for, and the column that says when."""

    source: str
    rows: QuerySet[Any]
    column: str


def page(query: ListQuery) -> Page[Any]:
    """The page that `query` asks for: two queries, and two for each name that it filters by."""
    cursor = (
        query.cursor if query.cursor and query.cursor.side != "end" else None
    )  # what is not counted has no last page
    return _page(list(parts(query)), query.place.order, query.place.size, cursor)


def pieces(query: ListQuery, size: int) -> Iterator[list[Spot]]:
    """All that `query` asks for in its order, parts of batches too, so many rows at a time; two queries for each."""
    found, order = list(parts(query, apart=True)), query.place.order
    cursor: Cursor | None = None
    while True:
        shown = _page(found, order, size, cursor)
        yield list(shown.rows)
        if shown.next is None:
            return
        cursor = Cursor.decode(shown.next, order)


def parts(query: ListQuery, *, apart: bool = False) -> Iterator[Part]:
    """What is asked for of each table. At first sight a batch is one line, and its parts are told within it; with
    `apart`, or once something but a time is asked for, each of them is a line."""
    source = query.one("source")
    apart = apart or any(query.one(name) for name in ("who", "environment", "what"))
    operations = Operation.objects.all() if apart else Operation.objects.whole()
    asked = operations.filter(_operations(query)) if source in ("", PORTAL) else operations.none()
    if source in ("", PORTAL):
        yield Part(PORTAL, asked, "asked_at")
    if source != PORTAL:
        entries = AuditLog.objects.all() if source == ONA else AuditLog.objects.outside()
        if source == "" and query.is_narrowed:
            entries = _untold(asked)
        yield Part(ONA, entries.filter(_entries(query)), "at")


def _untold(asked: QuerySet[Operation]) -> AuditLogQuerySet:
    """The entries that no line of these operations tells: what is behind an entry may have been asked for before the
    time, or by another name. Single rows are looked up, which Postgres does for as many as a page takes."""
    behind = Operation.objects.filter(pk=OuterRef("operation_id"))
    of_part = Subquery(behind.values("parent_id")[:1])
    told = asked.filter(pk=OuterRef("operation_id")).values("pk")[:1]
    entries = AuditLog.objects.alias(parent=of_part).alias(
        told=Subquery(told), told_of_part=Subquery(asked.filter(pk=OuterRef("parent")).values("pk")[:1])
    )
    # not "is null": where no operation can be meant at all, Django takes that for a question without an answer
    return entries.filter(Q(operation_id=None) | ~Q(told__isnull=False) & ~Q(told_of_part__isnull=False))


def _operations(query: ListQuery) -> Q:
    """Names and actions by a part of them are looked up first: there are few, and each has an index."""
    asked = _within(query, "asked_at")
    if who := query.one("who"):
        names = [name for name in occurring("actor_name", MOST_OCCURRING) if folded(who) in folded(name)]
        asked &= Q(actor_name__in=names)
    if environment := query.one("environment"):
        asked &= Q(environment_id__in=_environments(environment))
    if what := folded(query.one("what")):
        names = occurring("action", MOST_OCCURRING)
        asked &= Q(action__in=[name for name in names if what in folded(f"{name}\n{action_words(name)}")])
    return asked


def _entries(query: ListQuery) -> Q:
    """Words are one condition, whose frequency Postgres can guess: rare ones are looked up, common ones soon met."""
    asked = _within(query, "at")
    if who := query.one("who"):
        asked &= Q(actor_id__in=_people(who))
    if environment := query.one("environment"):
        asked &= Q(subject_id__in=_environments(environment))
    if what := query.one("what"):
        asked &= contains(what)
    return asked


def _within(query: ListQuery, column: str) -> Q:
    start, end = period(query)
    within = Q(**{f"{column}__gte": start}) if start else Q()
    return within & Q(**{f"{column}__lte": end}) if end else within


def _people(text: str) -> list[UUID] | QuerySet[Any]:
    """The accounts that an id, or a part of a name or an address, means."""
    if identity := _identity(text):
        return [identity]
    return _named(Member.objects.filter(Q(name__says=text) | Q(email__says=text)))


def _environments(text: str) -> list[UUID] | QuerySet[Any]:
    """The environments, those that are gone too, that an id or a part of a name means."""
    if identity := _identity(text):
        return [identity]
    return _named(Environment.objects.filter(contains(text), name__says=text))


def _named(found: QuerySet[Any]) -> list[UUID] | QuerySet[Any]:
    """Their ids: a few are looked up in an index, many are met soon on the way through it."""
    ids = found.order_by().values_list("pk", flat=True)
    few = list(ids[: MOST_NAMED + 1])
    return few if len(few) <= MOST_NAMED else ids


def _identity(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _page(found: list[Part], order: Order, size: int, cursor: Cursor | None) -> Page[Any]:
    backwards = cursor is not None and cursor.side == "before"
    descending = order.descending != backwards
    spots: list[Any] = [spot for part in found for spot in _nearest(part, cursor, size + 1, descending=descending)]
    spots.sort(key=lambda spot: spot[:2], reverse=descending)
    if backwards and len(spots) <= size:
        # fewer rows than a page before the cursor: show the whole first page instead of a short one
        return _page(found, order, size, None)
    more, spots = len(spots) > size, spots[:size]
    if backwards:
        spots.reverse()
    return Page(
        spots,
        _cursor(order, "after", spots[-1]) if spots and (more or backwards) else None,
        _cursor(order, "before", spots[0]) if spots and cursor is not None else None,
    )


def _cursor(order: Order, side: Any, spot: Spot) -> str:
    return Cursor(str(order), side, spot.at.isoformat(), spot.pk).encode()


def _nearest(part: Part, cursor: Cursor | None, limit: int, *, descending: bool) -> list[Spot]:
    """The rows of one table beyond the cursor, the nearest first."""
    rows, time = part.rows, F(part.column)
    if cursor is not None and cursor.key is not None:
        at, than = datetime.fromisoformat(cursor.key), "lt" if descending else "gt"
        # the first condition bounds the index, the second leaves out rows of the same moment
        beyond = Q(**{f"{part.column}__{than}": at}) | Q(**{f"id__{than}": cursor.pk})
        rows = rows.filter(beyond, **{f"{part.column}__{than}e": at})
    ordered = rows.order_by(time.desc(), F("id").desc()) if descending else rows.order_by(time.asc(), F("id").asc())
    return [Spot(at, pk, part.source) for at, pk in ordered.values_list(part.column, "pk")[:limit]]
