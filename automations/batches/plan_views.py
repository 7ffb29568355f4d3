"""`/automations/batches/new/`: something is to be done in many environments: first the plan, then the batch.

Environments cannot be deleted here: that cannot be undone, so it stays one by one, with the name typed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from automations.actions.tasks import START_TASK
from automations.batches.forms import BatchForm, form_of
from automations.batches.list import SEE, TO_DO_AGAIN, may
from automations.batches.plan import MOST, Choice, reference_named, references
from automations.batches.registry import KINDS, Kind, lockdown_of
from automations.batches.start import start_batch
from automations.models import Batch
from environments.actions.execute import NotPossible
from environments.actions.menu import NOT_ALLOWED, Actor
from environments.actions.views.panel import NOT_ACCEPTED
from environments.list.list import ENVIRONMENTS
from environments.models import EnvironmentQuerySet
from portal.ledger.models import Operation
from portal.lists.declaration import ListQuery, Now
from portal.lists.query import read_query
from portal.lists.readers import LONGEST_STORED
from portal.web.htmx import render_page
from portal.web.permissions import permission

OWN = ("action", "reference", "again", "csrfmiddlewaretoken")  # parameters that are not of the environments' list


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done (None: not chosen yet), in which environments, and where that is possible."""

    kind: Kind | None
    reference: str
    state: ListQuery
    again: Batch | None
    choice: Choice | None

    def url(self, filters: str) -> str:
        """The same with the environments that `filters` leave."""
        own = {"action": self.kind.action.name if self.kind else "", "reference": self.reference}
        again = {"again": str(self.again.pk)} if self.again else {}
        return f"?{urlencode(own | again)}&{filters.removeprefix('?')}"


@permission(*SEE)
def batch_new(request: HttpRequest) -> HttpResponse:
    """Show the plan: eligible and skipped environments, and what would be lost; a POST starts the batch."""
    kind = _kind(request)
    form = form_of(kind)(request.POST) if kind and request.method == "POST" else None
    if kind and form and form.is_valid() and (batch := _start(request, kind, form)):
        return redirect("automations:batch", batch.pk)
    return _show(request, kind, form)


def _kind(request: HttpRequest) -> Kind | None:
    """What is asked for, or None; PermissionDenied for those who may not, or where nothing is asked for may nothing."""
    asked = request.POST if request.method == "POST" else request.GET
    kind = KINDS.get(asked.get("action", ""))
    if not any(may(request.user, each) for each in ([kind] if kind else KINDS.values())):
        raise PermissionDenied(NOT_ALLOWED)
    return kind


def _start(request: HttpRequest, kind: Kind, form: BatchForm) -> Batch | None:
    """The batch; None where it is not possible, which the form then says."""
    given = form.cleaned_data
    try:
        return start_batch(
            action=kind.action,
            reference=given["reference"] if kind.has_reference else "",
            candidates=kind.chosen(given["target"]),
            at_once=given["at_once"],
            stop_after=given["stop_after"],
            lockdown_at=form.moment,
            query=given["chosen_from"],
            again_of=given["again_of"],
            **form.request_context(request.user),
        )
    except NotPossible as reason:
        form.add_error(None, str(reason))
        return None


def _show(request: HttpRequest, kind: Kind | None, form: BatchForm | None) -> HttpResponse:
    data = QueryDict(form["chosen_from"].value() or "") if form else request.GET
    plan = _plan(kind, form.data if form else data, data)
    is_refused = form is not None
    form = form or (form_of(kind)(initial=_initial(kind, plan, data)) if kind else None)
    context = {
        "plan": plan,
        "form": form,
        "options": _options(request.user, kind),
        "references": references(kind.action if kind and kind.has_reference else START_TASK),
        "kept": [pair for pair in plan.state.place.filters if pair[0] != "q"],
        "chips": [(chip, plan.url(chip.url)) for chip in plan.state.chips()],
        "ticked": _ticked(form, plan.choice),
        "risky": _risky(plan.choice),
        "most": MOST,
    }
    return render_page(
        request,
        "automations/batches/batch_new.html",
        "automations/batches/_batch_new.html",
        context,
        status=NOT_ACCEPTED if is_refused else 200,
    )


def _plan(kind: Kind | None, asked: Any, data: QueryDict) -> Plan:
    """`asked` is the form as it was sent, or the address; `data` the address."""
    typed = asked.get("reference", "").replace("\0", "")[:LONGEST_STORED]
    reference = "" if kind and not kind.has_reference else reference_named(kind.action if kind else None, typed)
    again = _again_of(asked.get("again_of", "") or asked.get("again", ""))
    state = read_query(ENVIRONMENTS, _of_environments(data), Now())
    is_whole = kind is not None and bool(reference or not kind.has_reference)
    choice = kind.choose(reference, _environments(state, again)) if kind and is_whole else None
    return Plan(kind, reference, state, again, choice)


def _initial(kind: Kind, plan: Plan, data: QueryDict) -> dict[str, Any]:
    initial = {"action": kind.action.name, "reference": plan.reference, "chosen_from": data.urlencode()}
    return initial | (_of_earlier(plan.again) if plan.again else {})


def _of_earlier(batch: Batch) -> dict[str, Any]:
    """What another batch takes over from the one it repeats: its moment, where that still lies ahead."""
    operation = Operation.objects.filter(pk=batch.pk).first()
    moment = lockdown_of(operation.request) if operation else None
    return {"again_of": batch.pk} | ({"lockdown_at": moment} if moment and moment > timezone.now() else {})


def _options(user: Actor, chosen: Kind | None) -> list[tuple[str, list[tuple[Kind, bool, bool]]]]:
    """All kinds by what they are about, with whether each is chosen, and whether this person may ask for it."""
    named: dict[str, list[tuple[Kind, bool, bool]]] = {"Environments": [], "Their tasks and services": []}
    environments, automations = named.values()
    for kind in KINDS.values():
        (automations if kind.has_reference else environments).append((kind, kind is chosen, may(user, kind)))
    return list(named.items())


def _of_environments(data: QueryDict) -> QueryDict:
    """The parameters of the environments' list."""
    kept = data.copy()
    for name in OWN:
        kept.pop(name, None)
    return kept


def _environments(state: ListQuery, again: Batch | None) -> EnvironmentQuerySet:
    found: EnvironmentQuerySet = state.rows()
    if again:
        items = again.items.filter(state__in=TO_DO_AGAIN)
        found = found.filter(pk__in=items.values("environment_id"))
    return found


def _again_of(text: str) -> Batch | None:
    try:
        return Batch.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None


def _ticked(form: BatchForm | None, choice: Choice | None) -> set[str]:
    if form and form.ticked is not None:
        return form.ticked
    return {str(each.target_id) for each in choice.candidates} if choice else set()


def _risky(choice: Choice | None) -> dict[str, int]:
    """The number of environments that would lose work, and of those where that is unknown."""
    tones = [{loss.tone for loss in each.losses} for each in choice.candidates] if choice else []
    red = sum("red" in tone for tone in tones)
    return {"lost": red, "unknown": sum("amber" in tone for tone in tones if "red" not in tone)}
