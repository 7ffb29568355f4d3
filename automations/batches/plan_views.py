"""`/operations/batches/new/`: something is to be done in many environments: first the plan, then the batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from automations.actions.tasks import START_TASK
from automations.batches import inverse
from automations.batches.forms import BatchForm, LockdownBatchForm, form_of
from automations.batches.list import SEE, TO_DO_AGAIN, may
from automations.batches.plan import MOST, Choice, Occurrence, occurrences, reference_named, references
from automations.batches.registry import KINDS, Kind, lockdown_of
from automations.batches.start import start_batch
from automations.models import Batch, ItemState
from environments.actions.execute import NotPossible
from environments.actions.lifecycle import START
from environments.actions.registry import Actor
from environments.actions.views.action import status_of
from environments.list.list import ENVIRONMENTS
from portal.accounts.kept_forms import keeps_form, sent
from portal.ledger.models import Operation
from portal.ledger.recording import OtherContent
from portal.lists.declaration import ListQuery, Now
from portal.lists.parameters import understood_by
from portal.lists.query import read_query
from portal.lists.readers import LONGEST_STORED
from portal.web.confirming import asks_again
from portal.web.htmx import render_page
from portal.web.permissions import explain_roles, permission

OWN = (
    "action",
    "reference",
    "again",
    "undo",
    "start_first",
    "csrfmiddlewaretoken",
)  # parameters that are not of the list
OPTIONS = {
    "environment": "Environments", "task": "Their tasks and services", "service": "Their tasks and services",
    "execution": "Executions",
}  # fmt: skip
SUBJECTS = list(OPTIONS)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done (None: not chosen yet), in which environments, and where that is possible."""

    kind: Kind | None
    reference: str
    state: ListQuery
    again: Batch | None
    undo: Batch | None  # that is to be taken back
    start_first: bool
    choice: Choice | None

    @property
    def is_undoing(self) -> bool:
        """Whether the values before are what is to be set."""
        return self.kind is not None and self.undo is not None and inverse.is_by_values(self.kind.action)

    def url(self, filters: str, **other: str) -> str:
        """The same with the environments that `filters` leave."""
        own = {
            "action": self.kind.action.name if self.kind else "",
            "reference": self.reference,
            "again": str(self.again.pk) if self.again else "",
            "undo": str(self.undo.pk) if self.undo else "",
            "start_first": "yes" if self.start_first else "",
        } | other  # fmt: skip
        query = urlencode({name: value for name, value in own.items() if value or name in ("action", "reference")})
        return f"?{query}&{filters.removeprefix('?')}"

    def occurrences(self) -> list[tuple[Occurrence, str, str]]:
        """The references that occur in the environments, with the plan of each, and with stopped ones started first."""
        if self.kind is None or self.choice or not self.kind.has_reference:
            return []
        filters = str(self.state.place.at(None))
        return [
            (each, self.url(filters, reference=each.reference),
             self.url(filters, reference=each.reference, start_first="yes") if self.kind.can_start_first else "")
            for each in occurrences(self.kind.action, _rows(self))
        ]  # fmt: skip


@understood_by(lambda request: ())  # the plan reports them
@asks_again("POST")
@keeps_form
@permission(*SEE)
def batch_new(request: HttpRequest) -> HttpResponse:
    """Show the plan: eligible and skipped environments, and what would be lost; a POST starts the batch."""
    fields = sent(request)
    kind = _kind(request, fields)
    form = _form_of(kind, fields)(fields) if kind and fields is not None else None
    is_sent = request.method == "POST" and form is not None and form.is_valid()
    if kind and form and is_sent and (batch := _start(request, kind, form)):
        return redirect("automations:batch", batch.pk)
    return _show(request, kind, form)


def _form_of(kind: Kind, fields: Any) -> type[BatchForm]:
    return form_of(kind, is_undoing=_undo(kind, fields) is not None and inverse.is_by_values(kind.action))


def _kind(request: HttpRequest, fields: QueryDict | None) -> Kind | None:
    """What is asked for, or None; PermissionDenied for those who may not, or where nothing is asked for may nothing."""
    asked = request.GET if fields is None else fields
    kind = KINDS.get(asked.get("action", ""))
    if not any(may(request.user, each) for each in ([kind] if kind else KINDS.values())):
        needed, subject = (kind.action, "This bulk action") if kind else (START, "Bulk actions")
        raise PermissionDenied(explain_roles(request.user, (needed.permission,), subject))
    return kind


def _start(request: HttpRequest, kind: Kind, form: BatchForm) -> Batch | None:
    """The batch; None where it is not possible, which the form then says."""
    given = form.cleaned_data
    candidates = kind.chosen(given["target"], start_first=given["start_first"])
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
            undo_of=undo.pk if (undo := _undo(kind, form.data)) else None,
            look_after=given["look_after"],
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
    form = form or (form_of(kind, is_undoing=plan.is_undoing)(initial=_initial(kind, plan, data)) if kind else None)
    if isinstance(form, LockdownBatchForm) and not form.is_bound and plan.choice:
        form.show(each.environment for each in plan.choice.candidates)
    context = {
        "plan": plan,
        "form": form,
        "options": _options(request.user, kind),
        "references": references(kind.action if kind and kind.has_reference else START_TASK),
        "kept": [pair for pair in plan.state.place.filters if pair[0] != "q"],
        "chips": [(chip, plan.url(chip.url)) for chip in plan.state.chips()],
        "ticked": _ticked(kind, form, plan.choice),
        "may_start_first": kind and kind.can_start_first and request.user.has_perm(START.permission),
        "risky": _risky(plan.choice),
        "most": MOST,
        "delay": timedelta(seconds=settings.DELETION_DELAY_SECONDS),
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
    state = read_query(kind.listing if kind else ENVIRONMENTS, _of_list(data), Now())
    plan = Plan(kind, reference, state, again, _undo(kind, asked), bool(asked.get("start_first")), None)
    return replace(plan, choice=_choice(plan))


def _choice(plan: Plan) -> Choice | None:
    if plan.kind is None or (plan.kind.has_reference and not plan.reference):
        return None
    rows = _rows(plan)
    if plan.undo and plan.is_undoing:
        return inverse.choose(plan.undo, rows)
    return plan.kind.choose(plan.reference, rows, start_first=plan.start_first)


def _undo(kind: Kind | None, asked: Any) -> Batch | None:
    """The batch that is to be taken back, if this kind of batch does that."""
    earlier = _again_of(asked.get("undo_of", "") or asked.get("undo", ""))
    return earlier if earlier and kind and inverse.undoing(earlier) == kind.action.name else None


def _initial(kind: Kind, plan: Plan, data: QueryDict) -> dict[str, Any]:
    initial = {
        "action": kind.action.name, "reference": plan.reference, "chosen_from": data.urlencode(),
        "undo_of": plan.undo.pk if plan.undo else None, "start_first": plan.start_first,
    }  # fmt: skip
    return initial | (_of_earlier(plan.again) if plan.again else {})


def _of_earlier(batch: Batch) -> dict[str, Any]:
    """What another batch takes over from the one it repeats: its moment, where that still lies ahead."""
    operation = Operation.objects.filter(pk=batch.pk).first()
    moment = lockdown_of(operation.request) if operation else None
    values = operation.request.get("values", {}) if operation else {}
    return {"again_of": batch.pk, **values} | ({"lockdown_at": moment} if moment and moment > timezone.now() else {})


def _options(user: Actor, chosen: Kind | None) -> list[tuple[str, list[tuple[Kind, bool, bool]]]]:
    """All kinds by what they are about, with whether each is chosen, and whether this person may ask for it."""
    named: dict[str, list[tuple[Kind, bool, bool]]] = {}
    for kind in sorted(KINDS.values(), key=lambda kind: SUBJECTS.index(kind.action.subject)):
        label = OPTIONS[kind.action.subject]
        named.setdefault(label, []).append((kind, kind is chosen, may(user, kind)))
    return list(named.items())


def _of_list(data: QueryDict) -> QueryDict:
    """The parameters of the list that is chosen from."""
    kept = data.copy()
    for name in OWN:
        kept.pop(name, None)
    return kept


def _rows(plan: Plan) -> Any:
    """The environments, or executions, that the address names."""
    found, key = plan.state.rows(), plan.kind.key if plan.kind else "environment_id"
    for batch, states in ((plan.again, TO_DO_AGAIN), (plan.undo, (ItemState.SUCCEEDED,))):
        if batch:
            found = found.filter(pk__in=batch.items.filter(state__in=states).values(key))
    return found


def _again_of(text: str) -> Batch | None:
    try:
        return Batch.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None


def _ticked(kind: Kind | None, form: BatchForm | None, choice: Choice | None) -> set[str]:
    """Everything, unless something was sent; of what cannot be restored, what is archived."""
    if form and form.ticked is not None:
        return form.ticked
    is_delayed = kind is not None and kind.many.is_delayed
    candidates = choice.candidates if choice else []
    return {str(each.target_id) for each in candidates if not is_delayed or each.environment.archived_at}


def _risky(choice: Choice | None) -> dict[str, int]:
    """The number of environments that would lose work, and of those where that is unknown."""
    tones = [{loss.tone for loss in each.losses} for each in choice.candidates] if choice else []
    red = sum("red" in tone for tone in tones)
    return {"lost": red, "unknown": sum("amber" in tone for tone in tones if "red" not in tone)}
