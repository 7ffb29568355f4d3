"""Batches over the REST API: plan (nothing is done), start, cancel, and retry where one failed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase, QueryDict
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from automations.batches import inverse
from automations.batches.forms import BatchForm, form_of
from automations.batches.list import BATCHES, SEE, TO_DO_AGAIN, find, may
from automations.batches.plan import MOST, Choice
from automations.batches.registry import KINDS, Kind, lockdown_of
from automations.batches.start import cancel_batch, continue_batch, start_batch
from automations.models import Batch
from environments.actions.api.endpoint import body_of
from environments.actions.api.form_body import check, unfit
from environments.actions.api.schema import KEY, REASON
from environments.actions.api.sending import REUSED, Sending
from environments.actions.execute import NotPossible
from portal.accounts.models import TokenUser
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidBody, Problem
from portal.api.listing import one
from portal.api.schema import problems, row_schema, success
from portal.ledger.models import Operation
from portal.ledger.recording import OtherContent
from portal.lists.declaration import Now
from portal.lists.query import read_query
from portal.web.permissions import explain_roles

WHAT = ("action", "reference", "query")
HOW = ("at_once", "stop_after", "look_after", "reason", "lockdown_at")
TOO_MANY = f"More than {MOST:,} match: a batch takes at most as many. Narrow the query."
NOTHING_FAILED = "Nothing of this batch failed or is unknown, so there is nothing to retry."
TEXT = {"type": "string"}
CHOSEN: dict[str, Any] = {
    "action": {"type": "string", "enum": list(KINDS)},
    "reference": {"type": "string", "description": "Of the task or service, for actions on these."},
    "query": {
        "type": "string",
        "description": "The environments, or the executions to stop, as their list's address has them: "
        "phase=running&q=…",
    },
    "start_first": {
        "type": "boolean",
        "description": "For tasks: start what is stopped first, and stop it again afterwards.",
    },
}
ASKED: dict[str, Any] = {
    "at_once": {"type": "integer", "minimum": 1, "maximum": 50, "description": "How many run at once."},
    "stop_after": {"type": ["integer", "null"], "description": "No new ones start after as many failures."},
    "look_after": {"type": ["integer", "null"], "description": "Pause after so many, until the batch is continued."},
    "reason": TEXT,
    "lockdown_at": {"type": "string", "description": "For lockdowns: when, in UTC."},
    "values": {"type": "object", "description": "What the action asks for besides, such as a timeout."},
}
PLANNED = {
    "type": "object",
    "properties": {
        "environments": {"type": "array", "items": {"type": "object"}},
        "skipped": {"type": "array", "items": {"type": "object"}},
        "is_more": {"type": "boolean"},
        "page": {"type": "string", "format": "uri", "description": "Where a person sees this plan and starts it."},
    },
}


def _batch_schema(operation_id: str, summary: str, fields: dict[str, Any], required: list[str], text: str) -> Any:
    row = row_schema(BATCHES)
    body = {"type": "object", "properties": fields, "required": required, "additionalProperties": False}
    example = {name: {"reason": REASON, "action": "environment.stop"}.get(name, "") for name in required}
    return {
        "operation_id": operation_id,
        "summary": summary,
        "description": text,
        "tags": ["batches"],
        "parameters": [KEY] if fields else [],  # another cancel or continue changes nothing
        "request": {"application/json": body},
        "responses": {
            202: OpenApiResponse(row, "The batch, at Location.", [OpenApiExample("batch", {"id": "0199c5a0"})]),
            **problems(400, 404, 409, 413, 415, 422),
        },
        "examples": [OpenApiExample("body", example, request_only=True)],
    }


@endpoint(
    "POST",
    *SEE,
    operation_id="batch_plan",
    summary="Plan a batch",
    description="Where an action would run, where it cannot and why, and what would be lost. Nothing is done.",
    tags=["batches"],
    request={
        "application/json": {
            "type": "object", "properties": CHOSEN, "required": ["action"], "additionalProperties": False,
        }
    },
    responses={
        200: success("The plan.", PLANNED, {"environments": [], "skipped": [], "is_more": False}),
        **problems(400, 413, 415, 422),
    },
    examples=[OpenApiExample("body", {"action": "environment.stop", "query": "phase=running"}, request_only=True)],
)  # fmt: skip
def plan(request: Request) -> HttpResponseBase:
    body = _known(body_of(request), (*WHAT, "start_first"))
    choice = _choice(_kind(request, body, is_plan=True), body)
    found = [
        {
            "environment_id": each.environment.pk,
            "environment": str(each.environment),
            "target_id": each.target_id,
            "losses": [str(loss.text) for loss in each.losses],
        }
        for each in choice.candidates
    ]
    skipped = [{"why": each.why, "count": each.count} for each in choice.obstacles]
    page = request.build_absolute_uri(_page_of(body))
    return Response({"environments": found, "skipped": skipped, "is_more": choice.is_more, "page": page})


@endpoint(
    "POST",
    *SEE,
    **_batch_schema(
        "batch_start", "Start a batch", CHOSEN | ASKED, ["action", "reason"],
        "Runs the action wherever the plan of the same query says that it is possible.",
    ),
)  # fmt: skip
def start(request: Request) -> HttpResponseBase:
    body = _known(body_of(request), (*WHAT, *HOW, "start_first", "values"))
    kind = _kind(request, body)
    return _started(request, body, lambda sending: _start(request, sending, kind, body, _choice(kind, body), None))


@endpoint(
    "POST",
    *SEE,
    **_batch_schema(
        "batch_retry", "Retry a batch", {name: ASKED[name] for name in ("at_once", "stop_after", "reason")}, ["reason"],
        "Another batch like this one, in the environments where it failed or where its result is unknown.",
    ),
)  # fmt: skip
def retry(request: Request, batch_id: UUID) -> HttpResponseBase:
    batch, body = find(batch_id), _known(body_of(request), ("at_once", "stop_after", "reason"))
    operation = Operation.objects.filter(pk=batch.pk).first()
    told = operation.request if operation else {}
    moment = lockdown_of(told)
    again = {"action": batch.action, "reference": batch.reference, "values": told.get("values", {}), **body}
    again |= {"lockdown_at": f"{moment:%Y-%m-%d %H:%M}"} if moment and moment > timezone.now() else {}
    kind = _kind(request, again)
    items = batch.items.filter(state__in=TO_DO_AGAIN)
    rows = read_query(kind.listing, QueryDict(), Now()).rows().filter(pk__in=items.values(kind.key))
    choice = _choice_again(kind, batch, rows)
    if not items.exists():
        raise Problem("not-possible", 409, NOTHING_FAILED)
    return _started(request, body, lambda sending: _start(request, sending, kind, again, choice, batch))


@endpoint(
    "POST",
    *SEE,
    **_batch_schema("batch_cancel", "Cancel a batch", {}, [], "No further environments are started."),
)
def cancel(request: Request, batch_id: UUID) -> HttpResponseBase:
    return _changed(request, batch_id, cancel_batch)


def _choice_again(kind: Kind, batch: Batch, rows: Any) -> Choice:
    earlier = Batch.objects.filter(pk=batch.undo_of).first() if batch.undo_of else None
    if earlier and inverse.is_by_values(kind.action):
        return inverse.choose(earlier, rows)
    return kind.choose(batch.reference, rows, start_first=batch.starts_first)


@endpoint(
    "POST",
    *SEE,
    **_batch_schema("batch_continue", "Continue a batch", {}, [], "Begins what waits after the first environments."),
)
def continue_(request: Request, batch_id: UUID) -> HttpResponseBase:
    return _changed(request, batch_id, continue_batch)


def _changed(request: Request, batch_id: UUID, change: Callable[..., bool]) -> HttpResponseBase:
    _known(body_of(request), ())
    batch = find(batch_id)
    change(batch=batch, actor=request.user)
    batch.refresh_from_db()
    return _answer(batch)


def _started(request: Request, body: dict[str, Any], begin: Callable[[Sending], Batch]) -> HttpResponseBase:
    sending = Sending.of(request, body)
    if sending.earlier:
        return _answer(find(sending.earlier.pk))
    try:
        return _answer(begin(sending))
    except NotPossible as why:
        raise Problem("not-possible", 409, str(why)) from None
    except OtherContent:
        raise Problem("key-reused", 409, REUSED) from None


def _start(
    request: Request, sending: Sending, kind: Kind, body: dict[str, Any], choice: Choice, again: Batch | None
) -> Batch:
    if choice.is_more:
        raise NotPossible(TOO_MANY)
    undo_of = again.undo_of if again else None
    form = _form(kind, body, choice, is_undoing=undo_of is not None and inverse.is_by_values(kind.action))
    check(form)
    return start_batch(
        action=kind.action,
        reference=body.get("reference", "") if kind.has_reference else "",
        candidates=choice.candidates,
        at_once=form.cleaned_data["at_once"],
        stop_after=form.cleaned_data["stop_after"],
        lockdown_at=form.moment,
        values=form.values,
        query=body.get("query", ""),
        again_of=again.pk if again else None,
        undo_of=undo_of,
        look_after=form.cleaned_data["look_after"],
        **form.request_context(request.user) | sending.context(request.user),
    )


# What a body says outside of `values`, or the portal itself.
OWN = {"action", "operation_id", "target", *WHAT, *HOW}


def _form(kind: Kind, body: dict[str, Any], choice: Choice, *, is_undoing: bool) -> BatchForm:
    """The page's form, with its usual limits where none are given."""
    made, data = form_of(kind, is_undoing=is_undoing), QueryDict(mutable=True)
    shown = made()
    data.update({"operation_id": str(shown["operation_id"].value()), "action": kind.action.name})
    data.update({name: str(shown.fields[name].initial) for name in ("at_once", "stop_after")})
    values = dict(body.get("values") or {})
    given = {name: body[name] for name in (*WHAT[:2], *HOW) if name in body} | values
    for name, value in given.items():
        if name not in shown.fields or (name in OWN and name in values):
            raise InvalidBody([(f"/values/{name[:60]}", f"There is no field {name[:60]}.")])
        if problem := unfit(shown.fields[name], value):
            raise InvalidBody([(f"/{name}" if name in body else f"/values/{name}", f"{name} {problem}.")])
        data[name] = "" if value is None else str(value)
    data.setlist("target", [str(each.target_id) for each in choice.candidates] or ["none"])
    if not choice.candidates:
        why = choice.obstacles[0].why if len(choice.obstacles) == 1 else "see the plan."
        raise NotPossible(f"No {kind.many.one} that matches can take this action: {why}")
    return made(data)


def _kind(request: Request, body: dict[str, Any], *, is_plan: bool = False) -> Kind:
    kind = KINDS.get(body.get("action", ""))
    if kind is None:
        raise InvalidBody([("/action", f"Takes one of {', '.join(KINDS)}.")])
    may_plan = is_plan and isinstance(request.user, TokenUser) and request.user.may_plan(kind.action.permission)
    if not (may_plan or may(request.user, kind)):
        raise PermissionDenied(explain_roles(request.user, (kind.action.permission,), "This bulk action"))
    if kind.has_reference and not body.get("reference"):
        raise InvalidBody([("/reference", "Name the task or service.")])
    return kind


def _page_of(body: dict[str, Any]) -> str:
    """The page of the same plan."""
    own = {"action": body["action"], "reference": body.get("reference", "")}
    own |= {"start_first": "yes"} if body.get("start_first") is True else {}
    return f"{reverse('automations:batch-new')}?{urlencode(own)}&{QueryDict(body.get('query', '')).urlencode()}"


def _choice(kind: Kind, body: dict[str, Any]) -> Choice:
    query = read_query(kind.listing, QueryDict(body.get("query", "")), Now())
    if query.problems:
        raise InvalidBody([("/query", str(each)) for each in query.problems])
    choice = kind.choose(body.get("reference", ""), query.rows(), start_first=body.get("start_first") is True)
    if kind.many.is_delayed:  # what is not archived is only selected one by one, on the page
        choice.candidates = [each for each in choice.candidates if each.environment.archived_at]
    return choice


def _known(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The body; raises InvalidBody for fields it cannot have, and texts that are none."""
    found = [(f"/{name[:60]}", f"There is no field {name[:60]}.") for name in body if name not in names]
    texts = (*WHAT, "reason", "lockdown_at")
    found += [(f"/{name}", f"{name} takes a text.") for name in texts if not isinstance(body.get(name, ""), str)]
    if not isinstance(body.get("start_first", False), bool):
        found.append(("/start_first", "start_first takes true or false."))
    if not isinstance(body.get("values", {}), dict):
        found.append(("/values", "values takes an object."))
    if found:
        raise InvalidBody(found)
    return body


def _answer(batch: Batch) -> HttpResponseBase:
    """It is done by workers: its address tells how far it is."""
    where = reverse("api:automations-batches-one", args=[batch.pk])
    return Response(one(BATCHES, batch), status=202, headers={"Location": where})
