"""Everything about one operation."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from portal.ledger import diff, labels
from portal.ledger.models import BATCH, Entry, Operation
from portal.ledger.rows import environment_url
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission


@permission("ledger.view_operation")
def operation_detail(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """One operation; what an open page asks for again is 204 while nothing is new."""
    operation = Operation.objects.filter(pk=operation_id).first()
    if operation is None:
        raise Http404(
            f"The ledger has no operation {operation_id}. Its rows are never deleted, so the address may be cut short "
            "or mistyped, or the operation belongs to another portal. Look for it under Operations."
        )
    if is_fragment(request) and request.GET.get("seen") == state_of(operation):
        return HttpResponse(status=204)
    return render_page(request, "ledger/detail.html", "ledger/_detail.html", detail_context(operation))


def detail_context(operation: Operation) -> dict[str, Any]:
    """What the templates of one operation show."""
    changes = diff.compare(operation.before, operation.after)
    url = reverse("operations:list")
    return {
        "operation": operation,
        "action": labels.action_words(operation.action),
        "title": labels.title_of(operation),
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
