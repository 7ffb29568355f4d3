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
from automations.batches.forms import BatchForm, LockdownBatchForm, form_of
from automations.batches.list import SEE, TO_DO_AGAIN, may
from automations.batches.plan import MOST, Choice, reference_named, references
from automations.batches.registry import KINDS, Kind, lockdown_of
from automations.batches.start import start_batch
from automations.models import Batch
from environments.actions.execute import NotPossible
from environments.actions.menu import NOT_ALLOWED, Actor
from environments.actions.views.action import status_of
from environments.list.list import ENVIRONMENTS
from environments.models import EnvironmentQuerySet
from portal.accounts.kept_forms import keeps_form, sent
from portal.ledger.models import Operation
from portal.ledger.recording import OtherContent
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


@keeps_form
@permission(*SEE)
def batch_new(request: HttpRequest) -> HttpResponse:
    """Show the plan: eligible and skipped environments, and what would be lost; a POST starts the batch."""
    fields = sent(request)
    kind = _kind(request, fields)
    form = form_of(kind)(fields) if kind and fields is not None else None
    is_sent = request.method == "POST" and form is not None and form.is_valid()
    if kind and form and is_sent and (batch := _start(request, kind, form)):
        return redirect("automations:batch", batch.pk)
    return _show(request, kind, form)


def _kind(request: HttpRequest, fields: QueryDict | None) -> Kind | None:
    """What is asked for, or None; PermissionDenied for those who may not, or where nothing is asked for may nothing."""
    asked = request.GET if fields is None else fields
    kind = KINDS.get(asked.get("action", ""))
    if not any(may(request.user, each) for each in ([kind] if kind else KINDS.values())):
        raise PermissionDenied(NOT_ALLOWED)
    return kind


def _start(request: HttpRequest, kind: Kind, form: BatchForm) -> Batch | None:
    """The batch; None where it is not possible, which the form then says."""
    given = form.cleaned_data
    candidates = kind.chosen(given["target"])
    chosen = [each.environment for each in candidates]
    if isinstance(form, LockdownBatchForm) and not _was_sent(form) and form.refuse_changed(chosen):
        return None
    try:
        return start_batch(
            action=kind.action,
            reference=given["reference"] if kind.has_reference else "",
            candidates=candidates,
            at_once=given["at_once"],
            stop_after=given["stop_after"],
            lockdown_at=form.moment,
            values=form.values,
            query=given["chosen_from"],
            again_of=given["again_of"],
            **form.request_context(request.user),
        )
    except NotPossible as reason:
        form.add_error(None, str(reason))
    except OtherContent as reason:
        form.refuse_content(str(reason))
    return None


def _was_sent(form: BatchForm) -> bool:
    """Whether the form is sent once more: then the answer is that of the first time."""
    return Operation.objects.filter(pk=form.cleaned_data["operation_id"]).exists()


def _show(request: HttpRequest, kind: Kind | None, form: BatchForm | None) -> HttpResponse:
    data = QueryDict(form["chosen_from"].value() or "") if form else request.GET
    plan = _plan(kind, form.data if form else data, data)
    status = status_of(request, form) if form else 200
    form = form or (form_of(kind)(initial=_initial(kind, plan, data)) if kind else None)
    if isinstance(form, LockdownBatchForm) and not form.is_bound and plan.choice:
        form.show(each.environment for each in plan.choice.candidates)
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
        status=status,
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
    values = operation.request.get("values", {}) if operation else {}
    return {"again_of": batch.pk, **values} | ({"lockdown_at": moment} if moment and moment > timezone.now() else {})


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
