"""The pages of one destination and of one message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from portal.accounts.kept_forms import keeps_form, sent
from portal.outbox import changes
from portal.outbox.forms import DestinationForm, NewDestinationForm, SecretForm
from portal.outbox.list import MANAGE, SEE, with_waiting
from portal.outbox.models import Attempt, Destination, Message
from portal.outbox.words import subject_of
from portal.web.confirming import asks_again
from portal.web.permissions import permission
from portal.web.sensitive import discreet

NOT_ACCEPTED, CONFLICT = 422, 409
MOST_ATTEMPTS = 100


class NotAccepted(Exception):
    """The form that was sent with a deed is not valid; `args[0]` is it, named as the page has it."""


@asks_again("POST")
@discreet
@keeps_form
@require_http_methods(["GET", "POST"])
@permission(SEE, MANAGE, subject="Making destinations")
def destination_new(request: HttpRequest) -> HttpResponse:
    """The form; POST makes the destination."""
    form = NewDestinationForm(sent(request))
    if request.method == "POST" and form.is_valid():
        try:
            made = changes.make_destination(actor=request.user, **form.cleaned_data)
        except changes.NotChanged as reason:
            form.add_error("name", str(reason))
        else:
            messages.success(request, f"{made.name} is sent its events from now on. Send a test to see that it works.")
            return redirect("outbox:destination", made.pk)
    status = NOT_ACCEPTED if request.method == "POST" else 200
    return render(request, "outbox/destination_new.html", {"form": form}, status=status)


@asks_again("POST")
@discreet
@require_http_methods(["GET", "POST"])
@permission(SEE, subject="Destinations")
def destination(request: HttpRequest, destination_id: int) -> HttpResponse:
    """One destination. POST does what its button says: `do` is one of DEEDS."""
    found = Destination.objects.filter(pk=destination_id).first()
    if found is None:
        raise Http404("There is no destination with this number.")
    if request.method == "GET":
        return _destination_page(request, found)
    deed = _deed(request, DEEDS)
    if deed is None:
        return _destination_page(request, found, trouble="Choose what to do with a button.", status=NOT_ACCEPTED)
    try:
        messages.success(request, deed(request, found))
    except NotAccepted as reason:
        return _destination_page(request, found, **reason.args[0], status=NOT_ACCEPTED)
    except changes.NotChanged as reason:
        return _destination_page(request, found, trouble=str(reason), status=CONFLICT)
    return redirect("outbox:destination", found.pk)


@require_http_methods(["GET", "POST"])
@permission(SEE, subject="The outbox")
def message(request: HttpRequest, message_id: int) -> HttpResponse:
    """One message with its attempts. POST replays or mutes it."""
    found = Message.objects.select_related("destination").filter(pk=message_id).first()
    if found is None:
        raise Http404("There is no message with this number: those that were delivered are deleted in time.")
    if request.method == "POST":
        deed = _deed(request, MESSAGE_DEEDS)
        if deed is None:
            raise Http404("Choose what to do with a button.")
        messages.success(request, deed(request, found))
        return redirect("outbox:message", found.pk)
    attempts = Attempt.objects.filter(message=found).order_by("-at", "-pk")[:MOST_ATTEMPTS]
    content = json.dumps(found.content, indent=2, ensure_ascii=False)
    context = {"message": found, "subject": subject_of(found), "content": content, "attempts": attempts}
    return render(request, "outbox/message.html", context)


def _deed(request: HttpRequest, deeds: dict[str, Callable[..., str]]) -> Callable[..., str] | None:
    if not request.user.has_perm(MANAGE):
        raise PermissionDenied("Destinations and messages are managed by admins.")
    return deeds.get(request.POST.get("do", ""))


def _destination_page(
    request: HttpRequest, found: Destination, *, trouble: str = "", status: int = 200, **forms: Any
) -> HttpResponse:
    row = with_waiting(Destination.objects.all()).get(pk=found.pk)
    shown = {"name": row.name, "address": row.address, "events": row.events}
    form = DestinationForm(initial=shown, of_kind=row.kind)
    context = {"destination": row, "trouble": trouble, "form": form, "secret_form": SecretForm(), **forms}
    return render(request, "outbox/destination.html", context, status=status)


def _change(request: HttpRequest, found: Destination) -> str:
    form = DestinationForm(request.POST, of_kind=found.kind)
    if not form.is_valid():
        raise NotAccepted({"form": form})
    changes.change_destination(actor=request.user, destination=found, **form.cleaned_data)
    return f"{found.name} is changed."


def _rotate(request: HttpRequest, found: Destination) -> str:
    form = SecretForm(request.POST)
    if not form.is_valid():
        raise NotAccepted({"secret_form": form})
    changes.rotate_secret(actor=request.user, destination=found, secret=form.cleaned_data["secret"])
    return "The secret is rotated: for a day messages are signed with both."


def _test(request: HttpRequest, found: Destination) -> str:
    made = changes.send_test(actor=request.user, destination=found)
    return f"The test is message {made.pk}: it is sent within seconds, and the outbox says what was answered."


def _mute(request: HttpRequest, found: Destination) -> str:
    changes.set_state(actor=request.user, destination=found, state=Destination.State.MUTED)
    return f"{found.name} is muted: its messages wait."


def _resume(request: HttpRequest, found: Destination) -> str:
    changes.set_state(actor=request.user, destination=found, state=Destination.State.ACTIVE)
    return f"{found.name} is active: what waited is sent now."


def _replay_all(request: HttpRequest, found: Destination) -> str:
    given_up = Message.objects.filter(destination=found, state=Message.State.DEAD)
    number = changes.replay(actor=request.user, messages=given_up, subject=found.name)
    return f"{number} {'message is' if number == 1 else 'messages are'} sent again."


def _replay(request: HttpRequest, found: Message) -> str:
    one = Message.objects.filter(pk=found.pk)
    number = changes.replay(actor=request.user, messages=one, subject=f"message {found.pk}")
    return "The message is sent again, under the same id." if number else "The message is pending already."


def _mute_message(request: HttpRequest, found: Message) -> str:
    one = Message.objects.filter(pk=found.pk)
    number = changes.mute(actor=request.user, messages=one, subject=f"message {found.pk}")
    return "The message is muted: it is not sent." if number else "The message was settled before."


DEEDS: dict[str, Callable[[HttpRequest, Destination], str]] = {
    "change": _change, "rotate": _rotate, "test": _test, "mute": _mute, "resume": _resume, "replay": _replay_all,
}  # fmt: skip
MESSAGE_DEEDS: dict[str, Callable[[HttpRequest, Message], str]] = {"replay": _replay, "mute": _mute_message}
