"""The list of batches, and the environments of one with what came of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import DateTimeField, F, IntegerField, TextField
from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from automations.batches import inverse
from automations.batches.registry import KINDS, Kind, lockdown_of
from automations.batches.rows import TONES, Line, counts_of, lines
from automations.models import ENDED, Batch, BatchItem, ItemState, TaskExecution
from environments.actions.registry import NOT_ALLOWED, Actor
from environments.sync.connection import why_blocked
from portal.exports.snapshot import read_within, streamed
from portal.ledger.models import Operation
from portal.lists.change_token import newest
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.filters import Filter, in_column, words_of
from portal.lists.keyset import Page, Sort, in_order
from portal.lists.readers import word_of

SEE = ("automations.view_batch", "environments.view_environment")
TO_DO_AGAIN = (ItemState.FAILED, ItemState.UNKNOWN)
EXPORTED = (
    "id", "action", "reference", "lockdown_at", "asked_by", "reason", "asked_at", "at_once", "stop_after", "again_of",
    "cancelled_at", "cancelled_by", "closed_at", "trouble", "environments", *(str(state) for state in ItemState.values),
)  # fmt: skip
EXPORTED_ITEMS = {
    "id": "id", "environment_id": "environment_id", "environment": "environment_name", "target_id": "target_id",
    "state": "state", "why": "why", "operation_id": "operation_id", "execution_id": "execution_id",
    "attempts": "attempts", "began_at": "began_at", "ended_at": "ended_at",
}  # fmt: skip


def may(user: Actor, kind: Kind) -> bool:
    """Whether this person may ask for it in many environments: as in one."""
    return user.has_perm(kind.action.permission)


def find(batch_id: UUID) -> Batch:
    """The batch; Http404 where there is none."""
    batch = Batch.objects.filter(pk=batch_id).first()
    if batch is None:
        raise Http404("The portal has no such batch.")
    return batch


def again_query(batch: Batch) -> str:
    """The query of the page that begins a batch, for another like this one where this one failed."""
    own: dict[str, Any] = {"action": batch.action, "reference": batch.reference, "again": batch.pk}
    own |= {"undo": batch.undo_of} if batch.undo_of else {}
    return f"?{urlencode(own | ({'start_first': 'yes'} if batch.starts_first else {}))}"


def _rows(query: ListQuery) -> Iterator[Sequence[Any]]:
    for piece in read_within(lambda: streamed(in_order(query.rows(), query.place.order))):
        yield from _cells(piece)


def _cells(batches: Sequence[Batch]) -> Iterator[Sequence[Any]]:
    """Two queries, whatever their number."""
    operations, counts = Operation.objects.in_bulk([batch.pk for batch in batches]), counts_of(list(batches))
    for batch in batches:
        yield _row(batch, operations.get(batch.pk), counts.get(batch.pk, {}))


def _row(batch: Batch, operation: Operation | None, counts: dict[str, int]) -> Sequence[Any]:
    asked = (operation.actor_name, operation.reason or None) if operation else (None, None)
    lockdown_at = lockdown_of(operation.request) if operation else None
    return (
        batch.pk, batch.action, batch.reference or None, lockdown_at, *asked, batch.asked_at, batch.at_once,
        batch.stop_after, batch.again_of, batch.cancelled_at, batch.cancelled_by or None, batch.closed_at,
        batch.trouble or None, sum(counts.values()), *(counts.get(state, 0) for state in ItemState.values),
    )  # fmt: skip


def _who_may_begin(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    why_not = why_blocked(request.user) if any(may(request.user, kind) for kind in KINDS.values()) else NOT_ALLOWED
    return {"why_not": why_not}


BATCHES = List(
    name="batches",
    page_url="automations:batches",
    export_url="automations:batch-export",
    title="Batches",
    one="batch",
    many="batches",
    model=Batch,
    permissions=SEE,
    sorts=(Sort("asked", "Requested", F("asked_at"), None, first_click_descends=True),),
    default_order="-asked",
    display=lambda found, query, request: lines(found),
    context=_who_may_begin,
    change_token=newest(Batch, "changed_at"),
    headings=(
        Heading("", "What"),
        Heading("", "Who and why"),
        Heading("", "When"),
        Heading("", "Progress"),
        Heading("", "Results"),
    ),
    template="automations/batches/batches.html",
    body_template="",
    rows_template="automations/batches/_rows.html",
    empty_template="automations/batches/_nothing.html",
    css="batch-list",
    table=Table(
        name="batches",
        title="Batches",
        columns={name: name for name in EXPORTED},
        types={
            "lockdown_at": DateTimeField,
            **dict.fromkeys(("asked_by", "reason"), TextField),
            **dict.fromkeys(("environments", *ItemState.values), IntegerField),
        },
        rows=_rows,
        cells=lambda rows, query: _cells(rows),
    ),
    detail=lambda batch: {},
)


def _of_batch(listing: List, data: QueryDict, of: Mapping[str, Any]) -> List:
    """The items of one batch; those of one that ended ask for no news."""
    batch = find(of["batch_id"])
    said = {"batch": batch.pk, "action": batch.action, "reference": batch.reference or None}
    table = Table(
        name=f"batch-{str(batch.pk)[:8]}", title=f"Batch: {batch}", columns=EXPORTED_ITEMS, about=lambda query: said
    )
    return replace(
        listing,
        base=lambda query: batch.items.all(),
        context=partial(_batch_context, batch),
        change_token=None if batch.closed_at else listing.change_token,
        table=table,
    )


def _batch_context(batch: Batch, request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    (line,) = lines([batch], query.one("state"))
    new, waiting = reverse("automations:batch-new"), batch.items.filter(state=ItemState.WAITING, step=0).count()
    return {
        "batch": batch,
        "line": line,
        "may": may(request.user, line.kind),
        "again": line.count(*TO_DO_AGAIN),
        "waits": waiting,
        "is_early": bool(waiting and batch.begins_at and batch.begins_at > timezone.now()),
        "is_paused": bool(waiting and batch.looks and not batch.first().exclude(state__in=ENDED).exists()),
        "again_url": f"{new}{again_query(batch)}",
        "undo": _undo(batch, line, request.user),
        "undo_url": f"{new}?{urlencode({'action': inverse.undoing(batch), 'undo': batch.pk})}",
    }


def _undo(batch: Batch, line: Line, user: Actor) -> str:
    """What takes back a batch that has ended, in words; empty if nothing does, or this person may not."""
    kind = KINDS.get(inverse.undoing(batch))
    if not (kind and batch.closed_at and may(user, kind)):
        return ""
    count = line.count(ItemState.SUCCEEDED)
    words = "Values before" if inverse.is_by_values(kind.action) else f"{kind.many.words} again"
    return f"Undo: {words.lower()} ({count:,})…" if count else ""


def _shown(items: Sequence[BatchItem], query: ListQuery, request: HttpRequest) -> Sequence[tuple[BatchItem, str, str]]:
    """Each item with its tone, and of an execution that is to be stopped the name of its task."""
    is_of_executions = any(item.target_id == item.execution_id for item in items)
    executions = TaskExecution.objects.in_bulk([item.target_id for item in items]) if is_of_executions else {}
    return [
        (item, TONES[ItemState(item.state)], executions[item.target_id].name if item.target_id in executions else "")
        for item in items
    ]


def _all(query: ListQuery) -> Page[BatchItem]:
    """A batch has so few items that its page shows all."""
    return Page(list(in_order(query.rows(), query.place.order)), None, None)


BATCH_ITEMS = List(
    name="batch",
    page_url="automations:batch",
    export_url="automations:batch-items-export",
    title="Environments of a batch",
    one="environment",
    many="environments",
    model=BatchItem,
    permissions=SEE,
    sorts=(Sort("environment", "Environment", F("environment_name"), ""),),
    default_order="environment",
    filters=(
        Filter(
            "state",
            "State",
            in_column("state"),
            word_of(ItemState.values),
            words_of(dict(ItemState.choices)),
            single=True,
        ),
    ),
    sized=False,
    pages=_all,
    api="batches/<uuid:batch_id>/items",
    display=_shown,
    prepare=_of_batch,
    change_token=lambda batch_id: find(batch_id).changed_at.isoformat(),
    poll_seconds=2,
    saved=False,
    headings=(
        Heading("batch-environment", "Environment"),
        Heading("batch-result", "Result"),
        Heading("", "Why"),
        Heading("batch-time", "Started"),
        Heading("batch-time", "Duration"),
        Heading("batch-more", "More"),
    ),
    template="automations/batches/batch.html",
    body_template="",
    list_template="automations/batches/_batch.html",
    rows_template="",
    table=Table(name="batch", title="Environments of a batch", columns=EXPORTED_ITEMS),
)
