"""The ledger as a table for files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET

from portal.exports.download import PERMISSION, Asking, Span, head, respond
from portal.exports.formats import Export
from portal.exports.snapshot import in_order, read_within, streamed
from portal.ledger import search_keys
from portal.ledger.labels import action_words
from portal.ledger.models import Operation, OperationQuerySet
from portal.ledger.query import State, chips, read_state
from portal.lists.keyset import Order
from portal.web.permissions import permission

COLUMNS = {
    "id": "id", "asked_at": "asked_at", "sent_at": "sent_at", "closed_at": "closed_at", "actor_id": "actor_id",
    "actor": "actor_name", "action": "action", "target_type": "target_type", "target_id": "target_id",
    "target": "target_name", "environment_id": "environment_id", "part_of": "parent_id", "origin": "origin",
    "reason": "reason", "outcome": "outcome", "code": "code", "message": "message", "request_id": "request_id",
    "explanation": "explanation", "request": "request", "before": "before", "after": "after",
}  # fmt: skip
MADE = ("action_words", "took_seconds")  # worked out from the others
WHOLE = "The whole ledger: with the parts of batches, which the page shows on their own lists."


@require_GET
@permission("ledger.view_operation", PERMISSION)
def operation_export(request: HttpRequest) -> HttpResponseBase:
    state = read_state(request.GET)
    return respond(request, "operations", lambda: ledger(Asking.of(request), state), state.problems)


def ledger(asking: Asking, state: State) -> Export:
    """The operations of a list, all in its order, and without a filter the whole ledger; read in a snapshot."""
    found: OperationQuerySet = state.filters.qs if state.place.filters else Operation.objects.all()
    count = found.order_by().count()
    said = head(asking, chips=chips(state), order=state.place.order, count=count, period=_period(state))
    said |= {} if state.place.filters else {"note": WHOLE}
    return Export("operations", "Operations", said, [*COLUMNS, *MADE], ledger_rows(found, state.place.order))


def _period(state: State) -> Span:
    """The time that is asked for, by parameters or in the search box; the widest where it is by several."""
    terms = [term for term in state.filters.query.terms if not term.negated]
    said = [*state.place.filters, *((term.key, value) for term in terms for value in term.values)]
    starts = [search_keys.moment(text) for name, text in said if name == "from"]
    starts += [timezone.now() - search_keys.span(text) for name, text in said if name == "since"]
    ends = [search_keys.moment(text, at_the_end=True).replace(second=59) for name, text in said if name == "to"]
    return min(starts, default=None), max(ends, default=None)


def ledger_rows(found: OperationQuerySet, order: Order) -> Iterator[Sequence[Any]]:
    """The rows of these operations in that order; in a transaction only."""
    rows = in_order(found, order).values_list(*COLUMNS.values())
    for piece in read_within(lambda: streamed(rows)):
        yield from map(_row, piece)


def _row(values: Sequence[Any]) -> list[Any]:
    told = dict(zip(COLUMNS, values, strict=True))
    took = told["closed_at"] - told["asked_at"] if told["closed_at"] else None
    return [*(None if value == "" else value for value in values), action_words(told["action"]), took]
