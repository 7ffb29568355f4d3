"""Destinations and messages over the REST API: what their pages do. Secrets are taken, and never answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.forms import Form
from django.http import Http404, HttpResponseBase, QueryDict
from django.urls import URLPattern, path
from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api.endpoint import Endpoint, endpoint
from portal.api.errors import InvalidBody, Problem
from portal.api.listing import one
from portal.api.parameters import refuse_all
from portal.api.schema import problems, row_schema, success
from portal.lists.declaration import List
from portal.outbox import changes
from portal.outbox.events import EVENTS
from portal.outbox.forms import DestinationForm, NewDestinationForm, SecretForm
from portal.outbox.list import DESTINATIONS, MANAGE, MESSAGES, SEE, with_waiting
from portal.outbox.models import Destination, Message
from portal.web.sensitive import discreet

TEXT = {"type": "string"}
SECRET = {**TEXT, "writeOnly": True, "description": "whsec_ and 24 to 64 bytes in base64; of webhooks."}
FIELDS: dict[str, Any] = {
    "name": TEXT,
    "address": {**TEXT, "description": "A URL, or an e-mail address."},
    "events": {"type": "array", "items": {**TEXT, "enum": list(EVENTS)}},
}
OF_NEW = FIELDS | {"kind": {**TEXT, "enum": ["webhook", "e-mail"]}, "secret": SECRET}
EXAMPLE = {
    "name": "siem", "kind": "webhook", "address": "https://hooks.example.com/portal", "events": ["operation.settled"],
    "secret": "whsec_c2l4dGVlbi1ieXRlcy1vci1tb3JlLXBsZWFzZSE=",
}  # fmt: skip

ANSWERS: dict[str, dict[str, Any]] = {
    "destinations": {"id": 7, **{name: value for name, value in EXAMPLE.items() if name != "secret"}},
    "messages": {"id": 4711, "destination": "siem", "kind": "operation.settled", "state": "pending"},
}


def _schema(listing: List, act: str, summary: str, fields: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    body = {"type": "object", "properties": dict(fields), "required": required, "additionalProperties": False}
    example = {name: value for name, value in EXAMPLE.items() if name in fields}
    return {
        "operation_id": f"{listing.one}_{act}",
        "summary": f"{act.capitalize()} a {listing.one}",
        "description": summary,
        "tags": [listing.name],
        "request": {"application/json": body},
        "examples": [OpenApiExample("body", example, request_only=True)],
        "responses": {
            200: success(f"The {listing.one}.", row_schema(listing), ANSWERS[listing.name]),
            **problems(400, 404, 409, 413, 415, 422),
        },
    }


def _given(request: Request, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body; InvalidBody for what it cannot have."""
    refuse_all(request.query_params)
    found = []
    for name, value in dict(request.data).items():
        if name not in fields:
            found.append((f"/{name[:60]}", f"There is no field {name[:60]}."))
        elif fields[name]["type"] == "string" and not isinstance(value, str):
            found.append((f"/{name}", f"{name} takes a text."))
        elif fields[name]["type"] == "array" and not _is_texts(value):
            found.append((f"/{name}", f"{name} takes a list of texts."))
    if found:
        raise InvalidBody(found)
    return dict(request.data)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _as_form(given: Mapping[str, Any]) -> QueryDict:
    """As a browser sends it."""
    data = QueryDict(mutable=True)
    for name, value in given.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


def _cleaned(form: Form) -> dict[str, Any]:
    if not form.is_valid():
        raise InvalidBody([(f"/{name}", str(each)) for name, found in form.errors.items() for each in found])
    return form.cleaned_data


def _told(destination: Destination) -> Response:
    return Response(one(DESTINATIONS, with_waiting(Destination.objects.all()).get(pk=destination.pk)))


@discreet
@endpoint(
    "POST", SEE, MANAGE,
    **_schema(DESTINATIONS, "create", "It is sent its events from now on.", OF_NEW, ["name", "kind", "address"]),
)  # fmt: skip
def create(request: Request) -> HttpResponseBase:
    cleaned = _cleaned(NewDestinationForm(_as_form(_given(request, OF_NEW))))
    return _told(_possible(lambda: changes.make_destination(actor=request.user, **cleaned)))


def _possible(write: Callable[[], Any]) -> Any:
    try:
        return write()
    except changes.NotChanged as reason:
        raise Problem("not-possible", 409, str(reason)) from None


def _of_destination(
    act: str, summary: str, do: Callable[[Request, Destination, dict[str, Any]], Any], fields: Mapping[str, Any]
) -> Endpoint:
    required = [name for name in fields if name == "secret"]

    @endpoint("POST", SEE, MANAGE, **_schema(DESTINATIONS, act, summary, fields, required))
    def act_on_destination(request: Request, destination_id: int) -> HttpResponseBase:
        given, found = _given(request, fields), Destination.objects.filter(pk=destination_id).first()
        if found is None:
            raise Http404("There is no destination with this number.")
        _possible(lambda: do(request, found, given))
        return _told(found)

    return discreet(act_on_destination)


def _change(request: Request, found: Destination, given: dict[str, Any]) -> None:
    shown = {name: getattr(found, name) for name in FIELDS}
    cleaned = _cleaned(DestinationForm(_as_form(shown | given), of_kind=found.kind))
    changes.change_destination(actor=request.user, destination=found, **cleaned)


def _rotate(request: Request, found: Destination, given: dict[str, Any]) -> None:
    cleaned = _cleaned(SecretForm(_as_form(given)))
    changes.rotate_secret(actor=request.user, destination=found, **cleaned)


def _set(state: str) -> Callable[[Request, Destination, dict[str, Any]], None]:
    return lambda request, found, _: changes.set_state(actor=request.user, destination=found, state=state)


def _test(request: Request, found: Destination, given: dict[str, Any]) -> None:
    changes.send_test(actor=request.user, destination=found)


def _replay(request: Request, found: Destination, given: dict[str, Any]) -> None:
    given_up = Message.objects.filter(destination=found, state=Message.State.DEAD)
    changes.replay(actor=request.user, messages=given_up, subject=found.name)


def _of_message(act: str, summary: str, do: Callable[..., int]) -> Endpoint:
    @endpoint("POST", SEE, MANAGE, **_schema(MESSAGES, act, summary, {}, []))
    def act_on_message(request: Request, message_id: int) -> HttpResponseBase:
        _given(request, {})
        rows = Message.objects.filter(pk=message_id)
        if not rows.exists():
            raise Http404("There is no message with this number.")
        do(actor=request.user, messages=rows, subject=f"message {message_id}")
        return Response(one(MESSAGES, rows.select_related("destination").get()))

    return act_on_message


State = Destination.State
OF_DESTINATION = {
    "change": _of_destination("change", "Changes what the body has, and nothing else.", _change, FIELDS),
    "rotate": _of_destination("rotate", "Signs with both secrets for a day.", _rotate, {"secret": SECRET}),
    "test": _of_destination("test", "Sends a test, as every message.", _test, {}),
    "mute": _of_destination("mute", "Sends nothing to it: its messages wait.", _set(State.MUTED), {}),
    "resume": _of_destination("resume", "Sends what waited.", _set(State.ACTIVE), {}),
    "replay": _of_destination("replay", "Sends again what was given up.", _replay, {}),
}
OF_MESSAGE = {
    "replay": _of_message("replay", "Sends it once more under the same id.", changes.replay),
    "mute": _of_message("mute", "Never sends it, if it was not delivered.", changes.mute),
}


def _paths(of: str, argument: str, endpoints: Mapping[str, Endpoint]) -> list[URLPattern]:
    address = f"{of}s/<int:{argument}>/actions"
    return [path(f"{address}/{act}/", view, name=f"{act}-{of}") for act, view in endpoints.items()]


urlpatterns = [
    path("destinations/actions/create/", create, name="create-destination"),
    *_paths("destination", "destination_id", OF_DESTINATION),
    *_paths("message", "message_id", OF_MESSAGE),
]
