"""`/automations/batches/`: things asked for in many environments: begin one, watch it, cancel it, do it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, F
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from automations.batches.asking import cancel_batch, start_batch
from automations.batches.choosing import ACTIONS, MOST, Choice, choose, chosen, references
from automations.forms.batch import BatchForm
from automations.models import ENDED, Batch, BatchItem, ItemState
from environments.actions.catalogue import Action
from environments.actions.performing import NotPossible
from environments.models import EnvironmentQuerySet
from environments.state import State, chips, read_state
from environments.views.panel import NOT_ACCEPTED
from portal.ledger.models import Operation
from portal.web.htmx import is_fragment, render_page
from portal.web.lists import Place
from portal.web.pages import Sort, page
from portal.web.permissions import permission

SEE = ("automations.view_batch", "environments.view_environment")
RUN = "automations.run_task"
OWN = ("action", "reference", "again", "csrfmiddlewaretoken")  # parameters that are not of the environments' list
WORDS = {"task.start": "Start task", "service.start": "Start service", "service.stop": "Stop service"}
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
    words: str
    counts: list[StateCount]
    total: int
    ended: int
    operation: Operation | None


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
        "problems": problems,
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "is_beyond": cursor is not None,
        "poll_url": f"{url}{place}&{urlencode({'seen': seen})}",
    }
    return render_page(request, "automations/batches.html", "automations/_batches.html", context)


@permission(*SEE, RUN)
def batch_new(request: HttpRequest) -> HttpResponse:
    """What, and where: first where it would run and where it cannot, then, as a POST, the batch."""
    form = BatchForm(request.POST) if request.method == "POST" else None
    if form and form.is_valid() and (batch := _start(request, form)):
        return redirect("automations:batch", batch.pk)
    return _show_new(request, form)


def _start(request: HttpRequest, form: BatchForm) -> Batch | None:
    """The batch; None where it is not possible, which the form then says."""
    given = form.cleaned_data
    try:
        return start_batch(
            action=form.chosen_action,
            reference=given["reference"],
            candidates=chosen(form.chosen_action, given["target"]),
            at_once=given["at_once"],
            stop_after=given["stop_after"],
            query=given["chosen_from"],
            again_of=given["again_of"],
            **form.asked(request.user),
        )
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None


def _show_new(request: HttpRequest, form: BatchForm | None) -> HttpResponse:
    data = QueryDict(form["chosen_from"].value() or "") if form else request.GET
    asked = form.data if form else data
    action = ACTIONS.get(asked.get("action", "task.start"), ACTIONS["task.start"])
    reference = asked.get("reference", "").strip()[:128]
    again = _again_of(asked.get("again_of" if form else "again", ""))
    state = read_state(_of_environments(data))
    choice = choose(action, reference, _environments(state, again)) if reference else None
    query = data.urlencode()
    form = form or BatchForm(
        initial={"action": action.name, "reference": reference, "chosen_from": query, "again_of": again and again.pk}
    )
    context = {
        "form": form,
        "action": action.name,
        "actions": WORDS.items(),
        "words": WORDS[action.name],
        "reference": reference,
        "references": references(action),
        "state": state,
        "kept": [pair for pair in state.place.filters if pair[0] != "q"],
        "chips": [(chip, _url(action, reference, again, chip.url)) for chip in chips(state)],
        "choice": choice,
        "ticked": _ticked(form, choice),
        "again": again,
        "most": MOST,
    }
    return render_page(
        request,
        "automations/batch_new.html",
        "automations/_batch_new.html",
        context,
        status=NOT_ACCEPTED if form.is_bound else 200,
    )


def _of_environments(data: QueryDict) -> QueryDict:
    """The parameters of the environments' list."""
    kept = data.copy()
    for name in OWN:
        kept.pop(name, None)
    return kept


def _environments(state: State, again: Batch | None) -> EnvironmentQuerySet:
    found: EnvironmentQuerySet = state.filters.qs
    if again:
        items = again.items.filter(state__in=TO_DO_AGAIN)
        found = found.filter(pk__in=items.values("environment_id"))
    return found


def _again_of(text: str) -> Batch | None:
    try:
        return Batch.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None


def _url(action: Action, reference: str, again: Batch | None, filters: str) -> str:
    own = {"action": action.name, "reference": reference} | ({"again": str(again.pk)} if again else {})
    return f"?{urlencode(own)}&{filters.removeprefix('?')}"


def _ticked(form: BatchForm, choice: Choice | None) -> set[str]:
    if form.ticked is not None:
        return form.ticked
    return {str(each.target_id) for each in choice.candidates} if choice else set()


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
        "again": again,
        "waits": any(count.state == ItemState.WAITING for count in line.counts),
        "again_url": f"{reverse('automations:batch-new')}{_url(ACTIONS[batch.action], batch.reference, batch, '')}",
        "poll_url": "" if batch.closed_at else f"{url}?{urlencode({'state': state, 'seen': seen})}",
    }
    return render_page(request, "automations/batch.html", "automations/_batch.html", context)


@permission(*SEE, RUN)
@require_POST
def batch_cancel(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Nothing more is asked for; back on its page, which says what became of it."""
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
    return Line(batch, WORDS[batch.action], shown, sum(counts.values()), ended, operation)
