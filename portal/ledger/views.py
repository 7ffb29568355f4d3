"""`/operations/`: who asked for what, why, and how it ended; and everything about one of them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from portal.ledger import diff, labels, search_keys
from portal.ledger.chain.verifications import chain_state
from portal.ledger.facets import chosen, panel
from portal.ledger.models import BATCH, Entry, Operation, OperationQuerySet
from portal.ledger.query import State, chips, read_state
from portal.ledger.rows import COLUMNS, environment_url, revision, rows
from portal.lists.keyset import Page, page
from portal.lists.query import SIZES
from portal.web.htmx import htmx_of, is_fragment, render_page
from portal.web.permissions import permission

COUNTED = 10_000
# What no index answers alone is looked up in the rows: counting many of them would outlast the page itself.
COUNTED_SCANNED = 1_000
SCANNED = ("", "actor", "action", "target", "reason", "origin")


@dataclass(frozen=True, slots=True)
class Total:
    """How many operations there are, counted up to a limit."""

    count: int
    is_more: bool

    def __str__(self) -> str:
        return f"{self.count:,}{'+' if self.is_more else ''}"


@permission("ledger.view_operation")
def operation_list(request: HttpRequest) -> HttpResponse:
    state = read_state(request.GET)
    details = htmx_of(request)
    # typing and ticking swap the list alone, so that the box and the ticks stay; links swap the filters too
    alone = is_fragment(request) and details is not None and details.target == "list"
    template = "ledger/_list.html" if alone else "ledger/_list_body.html"
    context = list_context(state) | ({} if alone else {"panel": panel(state), "chosen": chosen(state)})
    if not is_fragment(request):
        context["chain"] = chain_state()
    response = render_page(request, "ledger/list.html", template, context)
    if is_fragment(request):
        # While words are typed the address follows, but only the other steps are ones to go back to.
        header = "HX-Replace-Url" if request.headers.get("HX-Trigger-Name") == "q" else "HX-Push-Url"
        response[header] = context["here"]
    return response


@permission("ledger.view_operation")
def operation_changes(request: HttpRequest) -> HttpResponse:
    """The list anew where anything changed since the page was made, else 204: what open pages ask every few seconds."""
    if request.GET.get("seen") == revision():
        return HttpResponse(status=204)
    return render(request, "ledger/_list.html", list_context(read_state(request.GET)))


@permission("ledger.view_operation")
def operation_detail(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """One operation; what an open page asks for again is 204 while nothing is new."""
    operation = Operation.objects.filter(pk=operation_id).first()
    if operation is None:
        raise Http404(
            f"The ledger has no operation {operation_id}. Its rows are never deleted, so the address may be cut short "
            "or mistyped, or the operation was asked for at another portal. Look for it under Operations."
        )
    if is_fragment(request) and request.GET.get("seen") == state_of(operation):
        return HttpResponse(status=204)
    return render_page(request, "ledger/detail.html", "ledger/_detail.html", detail_context(operation))


def list_context(state: State) -> dict[str, Any]:
    """What the templates of the list show."""
    seen = revision()  # before the rows: what changes in between is asked for again
    found = state.filters.qs
    shown = page(found, state.place.order, state.place.size, state.cursor, lambda some: some.only(*COLUMNS))
    url, place = reverse("operations:list"), state.place
    return {
        "state": state,
        "url": url,
        "here": f"{url}{place}",
        "rows": rows(shown.rows),
        "total": _total(state, found, shown),
        "chips": chips(state),
        "direction": "descending" if place.order.descending else "ascending",
        "turned_url": place.turned(),
        "sort_field": place.sort_field,
        "size_field": place.size_field,
        "sizes": [(size, place.sized(size)) for size in SIZES],
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "changes_url": f"{reverse('operations:changes')}{place}&{urlencode({'seen': seen})}",
        "keys": search_keys.KEYS.values(),
    }


def detail_context(operation: Operation) -> dict[str, Any]:
    """What the templates of one operation show."""
    changes = diff.compare(operation.before, operation.after)
    url = reverse("operations:list")
    return {
        "operation": operation,
        "action": labels.action_words(operation.action),
        "outcome": labels.outcome_word(operation),
        "tone": labels.outcome_tone(operation),
        "sentence": labels.outcome_sentence(operation),
        "advice": labels.advice(operation),
        "origin": labels.ORIGINS.get(operation.origin, operation.origin),
        "took": labels.took(operation),
        "environment_url": environment_url(operation),
        "actor_url": f"{url}?{urlencode({'actor': operation.actor_name})}",
        "target_url": _same_target(operation, url),
        "moved": diff.moved(changes),
        "still": diff.still(changes),
        "entries": Entry.objects.filter(operation_id=operation.pk).defer("content").order_by("sequence"),
        "request_text": json.dumps(operation.request, indent=2, ensure_ascii=False) if operation.request else "",
        "poll": f"{url}{operation.pk}/?{urlencode({'seen': state_of(operation)})}" if operation.is_open else "",
    }


def state_of(operation: Operation) -> str:
    """A text that is another one when the operation has come further."""
    parts = (operation.outcome, operation.sent_at, operation.closed_at, operation.explanation, operation.message)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _same_target(operation: Operation, url: str) -> str:
    identity = operation.environment_id or operation.target_id
    if operation.target_type == BATCH:
        return f"{url}?{urlencode({'part-of': operation.pk})}"
    return f"{url}?{urlencode({'target': identity})}" if identity else ""


def _total(state: State, found: OperationQuerySet, shown: Page[Operation]) -> Total:
    """How many there are, up to a limit; a page that is the whole list is not counted again."""
    if not shown.next and not shown.previous:
        return Total(len(shown.rows), False)
    words_asked = any(term.key in SCANNED for term in state.filters.query.terms)
    limit = COUNTED_SCANNED if words_asked or state.selected("target") or state.selected("origin") else COUNTED
    count = found.order_by().values("pk")[: limit + 1].count()
    return Total(min(count, limit), count > limit)
