"""The list of operations: who requested what, why, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import DurationField, F, QuerySet, TextField
from django.http import HttpRequest
from django.utils import timezone

from portal.ledger.chain.kept_verifications import chain_state
from portal.ledger.facets import panel
from portal.ledger.filters import FILTERS
from portal.ledger.labels import action_words
from portal.ledger.models import Operation
from portal.ledger.rows import COLUMNS, revision, rows
from portal.ledger.search_keys import SEARCH
from portal.lists import readers
from portal.lists.declaration import Heading, List, ListQuery, Span, Table, only, without_blanks
from portal.lists.keyset import Sort

WHOLE = "The whole ledger: with the parts of batches, which the page shows on their own lists."
EXPORTED = {
    "id": "id", "asked_at": "asked_at", "sent_at": "sent_at", "closed_at": "closed_at", "actor_id": "actor_id",
    "actor": "actor_name", "action": "action", "target_type": "target_type", "target_id": "target_id",
    "target": "target_name", "environment_id": "environment_id", "part_of": "parent_id", "origin": "origin",
    "token": "token", "reason": "reason", "outcome": "outcome", "code": "code", "message": "message",
    "request_id": "request_id", "explanation": "explanation", "request": "request", "before": "before",
    "after": "after",
}  # fmt: skip


def _base(query: ListQuery) -> QuerySet[Operation]:
    """Without any condition, operations that are part of another are left to it: a batch is one line."""
    return Operation.objects.all() if query.is_narrowed else Operation.objects.whole()


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    beside = {} if part == "list" else {"panel": panel(query), "chosen": query.values}
    return beside | ({"chain": chain_state()} if part == "page" else {})


def _every(query: ListQuery) -> QuerySet[Any]:
    return query.rows() if query.place.filters else Operation.objects.all()


def _row(values: Sequence[Any]) -> list[Any]:
    row = dict(zip(EXPORTED, values, strict=True))
    took = row["closed_at"] - row["asked_at"] if row["closed_at"] else None
    return [*without_blanks(values), action_words(row["action"]), took]


def _period(query: ListQuery) -> Span:
    """The requested period, from parameters or the search box; the widest if there are several."""
    terms = [term for term in query.search.terms if not term.negated]
    asked = [*query.place.filters, *((term.key, value) for term in terms for value in term.values)]
    starts = [readers.time(text) for name, text in asked if name == "from"]
    starts += [timezone.now() - readers.span(text) for name, text in asked if name == "since"]
    ends = [readers.end_of(text).replace(microsecond=0) for name, text in asked if name == "to"]
    return min(starts, default=None), max(ends, default=None)


OPERATIONS = List(
    name="operations",
    page_url="operations:list",
    changes_url="operations:changes",
    export_url="operations:export",
    title="Operations",
    one="operation",
    many="operations",
    model=Operation,
    permissions=("ledger.view_operation",),
    # read from operation_newest, in both directions
    sorts=(Sort("asked", "Requested", F("asked_at"), None, first_click_descends=True),),
    default_order="-asked",
    search=SEARCH,
    filters=FILTERS,
    panel=tuple(each.name for each in FILTERS if each.name != "part-of"),
    base=_base,
    read=only(*COLUMNS),
    display=lambda found, query, request: rows(found),
    context=_context,
    scanned=("", "actor", "action", "target", "reason", "origin"),
    change_token=revision,
    headings=(
        Heading("op-when", "When", "asked"),
        Heading("op-who", "Who"),
        Heading("op-action", "Action"),
        Heading("op-target", "Target"),
        Heading("op-reason", "Reason"),
        Heading("op-outcome", "Outcome"),
        Heading("op-took", "Duration"),
    ),
    template="ledger/list.html",
    rows_template="ledger/_rows.html",
    panel_template="ledger/_panel.html",
    empty_template="ledger/_empty.html",
    css="op-table",
    trigger="submit, change from:#facets, input changed delay:400ms from:#q, input changed delay:400ms from:#target",
    table=Table(
        name="operations",
        title="Operations",
        columns=EXPORTED,
        more=("action_words", "took_seconds"),
        types={"action_words": TextField, "took_seconds": DurationField},
        row=_row,
        every=_every,
        about=lambda query: {} if query.place.filters else {"note": WHOLE},
        period=_period,
    ),
    detail=lambda operation: {},
)
