"""`/people/new/` and `/people/<id>/`: inviting people, and what can be done with one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from portal.accounts.kept_forms import keeps_form, sent
from portal.accounts.models import Person
from portal.accounts.people import changes
from portal.accounts.people.forms import InviteForm, RoleForm
from portal.accounts.people.list import SEE, with_rights
from portal.accounts.roles import ROLES
from portal.accounts.second_factor.changes import NotChanged
from portal.accounts.tokens.permissions import is_person
from portal.web.confirming import asks_again
from portal.web.permissions import permission
from portal.web.sensitive import discreet

NOT_ACCEPTED, CONFLICT = 422, 409
MANAGE = changes.MANAGE


@asks_again("POST")
@keeps_form
@require_http_methods(["GET", "POST"])
@permission(SEE, MANAGE, subject="Inviting people")
def person_new(request: HttpRequest) -> HttpResponse:
    """The form; POST makes the account and shows its sign-in link, this once."""
    actor = _actor(request)
    form = InviteForm(sent(request), actor=actor)
    if request.method == "POST" and form.is_valid():
        try:
            person = changes.invite_person(actor=actor, **form.cleaned_data)
        except NotChanged as reason:
            form.add_error("username", str(reason))
        else:
            return _link(request, actor, person)
    status = NOT_ACCEPTED if request.method == "POST" else 200
    return render(request, "accounts/people/new.html", {"form": form}, status=status)


@asks_again("POST")
@discreet
@require_http_methods(["GET", "POST"])
@permission(SEE, subject="People")
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """One person. POST does what its button says: `do` is one of DEEDS, or "link"."""
    found = Person.objects.filter(pk=person_id).first()
    if found is None:
        raise Http404("There is no account with this id: it may have been deleted.")
    if request.method == "GET":
        return _page(request, found)
    if not request.user.has_perm(MANAGE):
        raise PermissionDenied("People are managed by admins.")
    return _do(request, found)


def _do(request: HttpRequest, found: Person) -> HttpResponse:
    actor, do = _actor(request), request.POST.get("do", "")
    if do not in (*DEEDS, "link"):
        return _page(request, found, trouble="Choose what to do with one of the buttons.", status=NOT_ACCEPTED)
    try:
        if do == "link":
            return _link(request, actor, found)
        messages.success(request, DEEDS[do](request, actor, found))
    except NotChanged as reason:
        return _page(request, found, trouble=str(reason), status=CONFLICT)
    return redirect("people:person", found.pk)


def _change_role(request: HttpRequest, actor: User, found: Person) -> str:
    form = RoleForm(request.POST, actor=actor)
    if not form.is_valid():
        raise NotChanged("Choose one of the roles.")
    changes.change_role(actor=actor, person=found, role=form.cleaned_data["role"])
    return f"{found.get_username()} has the role {form.cleaned_data['role']}."


def _deactivate(request: HttpRequest, actor: User, found: Person) -> str:
    changes.deactivate_person(actor=actor, person=found)
    return f"{found.get_username()} is deactivated: all sessions are ended and all tokens revoked."


def _reactivate(request: HttpRequest, actor: User, found: Person) -> str:
    changes.reactivate_person(actor=actor, person=found)
    return f"{found.get_username()} can sign in again. API tokens stay revoked."


def _reset_factor(request: HttpRequest, actor: User, found: Person) -> str:
    changes.reset_factors(actor=actor, person=found)
    return f"The second factor of {found.get_username()} is removed, and all sessions ended."


DEEDS: dict[str, Callable[[HttpRequest, User, Person], str]] = {
    "role": _change_role, "deactivate": _deactivate, "reactivate": _reactivate,
    "reset-factor": _reset_factor,
}  # fmt: skip


def _link(request: HttpRequest, actor: User, found: Person) -> HttpResponse:
    token = changes.make_link(actor=actor, person=found)
    url = request.build_absolute_uri(f"{reverse('accounts:link')}?{urlencode({'token': token})}")
    return render(request, "accounts/people/link.html", {"person": found, "link": url, "valid": changes.LINK_VALID})


def _page(request: HttpRequest, found: Person, *, trouble: str = "", status: int = 200) -> HttpResponse:
    row = with_rights(Person.objects.all()).get(pk=found.pk)
    context: dict[str, Any] = {"person": row, "trouble": trouble}
    user = request.user
    if isinstance(user, User) and user.has_perm(MANAGE) and not changes.is_above(found, user):
        held = [role for role in ROLES if role in row.roles]
        context["form"] = RoleForm(actor=user, initial={"role": held[-1] if len(held) == 1 else None})
    return render(request, "accounts/people/person.html", context, status=status)


def _actor(request: HttpRequest) -> User:
    """Who is signed in; a token never gets here, whatever its permissions."""
    if not isinstance(request.user, User) or not is_person(request.user):
        raise PermissionDenied("People are managed by people.")
    return request.user
