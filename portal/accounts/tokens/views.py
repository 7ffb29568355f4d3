"""`/accounts/tokens/`: one's own tokens and, for admins, everybody's; making and revoking them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from portal.accounts.kept_forms import keeps_form, sent
from portal.accounts.models import ApiToken
from portal.accounts.tokens import changes
from portal.accounts.tokens.forms import TokenForm
from portal.accounts.tokens.permissions import REVOKE, VIEW, is_person
from portal.accounts.tokens.queries import MAX_SHOWN, tokens_of, tokens_of_others
from portal.ledger.recording import OtherContent
from portal.web.confirming import asks_again
from portal.web.permissions import permission
from portal.web.sensitive import discreet

NOT_ACCEPTED, CONFLICT = 422, 409
NEW = "accounts/tokens/new.html"


@require_GET
@permission(VIEW, subject="API tokens")
def tokens(request: HttpRequest) -> HttpResponse:
    user = _person(request)
    others = tokens_of_others(user) if user.has_perm(REVOKE) else []
    context = {
        "mine": tokens_of(user), "others": others[:MAX_SHOWN], "is_more": len(others) > MAX_SHOWN, "shown": MAX_SHOWN,
        "may_see_others": user.has_perm(REVOKE),
    }  # fmt: skip
    return render(request, "accounts/tokens/all.html", context)


@asks_again("POST")
@keeps_form
@discreet
@require_http_methods(["GET", "POST"])
@permission(VIEW, subject="API tokens")
def token_new(request: HttpRequest) -> HttpResponse:
    """The form; POST makes the token and shows it, this once."""
    user = _person(request)
    form = TokenForm(sent(request), owner=user)
    if request.method != "POST" or not form.is_valid():
        return render(request, NEW, {"form": form}, status=NOT_ACCEPTED if request.method == "POST" else 200)
    try:
        token, secret = changes.create_token(owner=user, **form.values, **form.request_context(user))
    except changes.TokenNotMade as reason:
        form.add_error(reason.field, str(reason))
        status = NOT_ACCEPTED
    except OtherContent as reason:
        form.add_error(None, str(reason))
        status = CONFLICT
    else:
        return render(request, "accounts/tokens/made.html", {"token": token, "secret": secret})
    form.tried()
    return render(request, NEW, {"form": form}, status=status)


@require_http_methods(["GET", "POST"])
@permission(VIEW, subject="API tokens")
def token_revoke(request: HttpRequest, token_id: str) -> HttpResponse:
    """Ask before it is revoked; POST revokes it."""
    user = _person(request)
    token = ApiToken.objects.select_related("owner").filter(pk=token_id).first()
    if token is None or not (token.owner_id == user.pk or user.has_perm(REVOKE)):
        raise Http404("There is no such token among those that you may see.")
    if request.method == "POST":
        if changes.revoke_token(token=token, actor=user):
            messages.success(request, f"{token} is revoked: it no longer works.")
        return redirect("accounts:tokens")
    return render(request, "accounts/tokens/revoke.html", {"token": token})


def _person(request: HttpRequest) -> User:
    """Who is signed in; a token never gets here, whatever its permissions."""
    if not isinstance(request.user, User) or not is_person(request.user):
        raise PermissionDenied("Tokens are created and revoked by people.")
    return request.user
