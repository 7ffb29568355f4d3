"""`/automations/batches/`: things asked for in many environments: watch one, cancel it, do it again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, F
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from automations.batches.registry import KINDS, Kind, lockdown_of
from automations.batches.start import cancel_batch
from automations.models import ENDED, Batch, BatchItem, ItemState
from environments.actions.menu import NOT_ALLOWED, Actor
from portal.ledger.models import Operation
from portal.lists.keyset import Sort, page
from portal.lists.place import Place
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission

SEE = ("automations.view_batch", "environments.view_environment")
TONES = {
    ItemState.WAITING: "gray", ItemState.ASKED: "blue", ItemState.UNDER_WAY: "blue", ItemState.SUCCEEDED: "green",
    ItemState.FAILED: "red", ItemState.STOPPED: "amber", ItemState.LEFT_OUT: "gray", ItemState.UNKNOWN: "amber",
}  # fmt: skip
TO_DO_AGAIN = (ItemState.FAILED, ItemState.UNKNOWN)
SORTS = {"asked": Sort("asked", "Asked", F("asked_at"), None, first_click_descends=True)}
DEFAULT_ORDER = "-asked"


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many items are in a state; `url` shows them alone."""

    state: str
    label: str
    tone: str
    count: int
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Line:
    """A batch as the list shows it."""

    batch: Batch
    kind: Kind
    counts: list[StateCount]
    total: int
    ended: int
    operation: Operation | None

    @property
    def lockdown_at(self) -> datetime | None:
        """When the environments are to be locked down, where that was asked for."""
        return lockdown_of(self.operation.request) if self.operation else None


def may(user: Actor, kind: Kind) -> bool:
    """Whether this person may ask for it in many environments: as in one."""
    return user.has_perm(kind.action.permission)


@permission(*SEE)
def batch_list(request: HttpRequest) -> HttpResponse:
    """All batches, newest first; 204 to an open page while none has come further."""
    newest = Batch.objects.order_by("-changed_at").values_list("changed_at", flat=True).first()
    seen = newest.isoformat() if newest else "none"
    if is_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    problems: list[Any] = []
    place, cursor = Place.read(request.GET, (), SORTS, DEFAULT_ORDER, problems)
    shown = page(Batch.objects.all(), place.order, place.size, cursor, lambda found: found)
    url = reverse("automations:batches")
    context = {
        "url": url,
        "lines": _lines(shown.rows),
        "may_begin": any(may(request.user, kind) for kind in KINDS.values()),
        "not_allowed": NOT_ALLOWED,
        "problems": problems,
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "is_beyond": cursor is not None,
        "poll_url": f"{url}{place}&{urlencode({'seen': seen})}",
    }
    return render_page(request, "automations/batches/batches.html", "automations/batches/_batches.html", context)


@permission(*SEE)
def batch_detail(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """How far it has come, and what came of it in each environment; 204 to an open page while nothing has."""
    batch = find(batch_id)
    seen = batch.changed_at.isoformat()
    if is_fragment(request) and request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    url = reverse("automations:batch", args=[batch.pk])
    state = request.GET.get("state", "")
    state = state if state in ItemState.values else ""
    items = batch.items.filter(state=state) if state else batch.items.all()
    (line,) = _lines([batch], url, state)
    again = sum(count.count for count in line.counts if count.state in TO_DO_AGAIN)
    context = {
        "batch": batch,
        "url": url,
        "line": line,
        "rows": [(item, TONES[ItemState(item.state)]) for item in items.order_by("environment_name", "pk")],
        "state": state,
        "may": may(request.user, line.kind),
        "again": again,
        "waits": any(count.state == ItemState.WAITING for count in line.counts),
        "again_url": f"{reverse('automations:batch-new')}{again_query(batch)}",
        "poll_url": "" if batch.closed_at else f"{url}?{urlencode({'state': state, 'seen': seen})}",
    }
    return render_page(request, "automations/batches/batch.html", "automations/batches/_batch.html", context)


def again_query(batch: Batch) -> str:
    """The query of the page that begins a batch, for another like this one where this one failed."""
    return f"?{urlencode({'action': batch.action, 'reference': batch.reference, 'again': batch.pk})}"


@permission(*SEE)
@require_POST
def batch_cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Nothing more is asked for; back on its page, which says what became of it. For those who may do the action."""
    batch = find(batch_id)
    if not cancel_batch(batch=batch, actor=request.user):
        messages.info(request, "There was nothing left to cancel.")
    return redirect("automations:batch", batch.pk)


def find(batch_id: UUID) -> Batch:
    """The batch; Http404 where there is none."""
    batch = Batch.objects.filter(pk=batch_id).first()
    if batch is None:
        raise Http404("The portal knows no such batch.")
    return batch


def _lines(batches: list[Batch], url: str = "", current: str = "") -> list[Line]:
    """Two queries, whatever their number."""
    operations = Operation.objects.in_bulk([batch.pk for batch in batches])
    counted: dict[UUID, dict[str, int]] = {}
    rows = BatchItem.objects.filter(batch__in=batches).values_list("batch", "state").annotate(count=Count("pk"))
    for batch_id, state, count in rows:
        counted.setdefault(batch_id, {})[state] = count
    return [_line(batch, operations.get(batch.pk), counted.get(batch.pk, {}), url, current) for batch in batches]


def _line(batch: Batch, operation: Operation | None, counts: dict[str, int], url: str, current: str) -> Line:
    here = url or reverse("automations:batch", args=[batch.pk])
    shown = [
        StateCount(each.value, each.label, TONES[each], counts[each], f"{here}?state={each.value}", each == current)
        for each in ItemState
        if counts.get(each)
    ]
    ended = sum(counts.get(state, 0) for state in ENDED)
    return Line(batch, KINDS[batch.action], shown, sum(counts.values()), ended, operation)
