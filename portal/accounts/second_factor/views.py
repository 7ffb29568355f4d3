"""`/accounts/second-factor/`: one's own second factors; and the page that asks for one at sign-in."""

from __future__ import annotations

import base64

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from portal.accounts import throttling
from portal.accounts.oidc.accounts import provider_of
from portal.accounts.second_factor import changes
from portal.accounts.second_factor.asking import accepts
from portal.accounts.second_factor.factors import CODES, KINDS, factors_of, is_required_of
from portal.accounts.second_factor.forms import AppForm, CodeForm
from portal.accounts.second_factor.signing_in import MISSING, open_without_factor, pending
from portal.web.confirming import asks_again
from portal.web.sensitive import discreet

NOT_ACCEPTED = 422


@open_without_factor
@require_GET
def second_factor(request: HttpRequest) -> HttpResponse:
    """What is set up, and what can be."""
    user = _person(request)
    factors = list(factors_of(user))
    codes = Authenticator.objects.filter(user_id=user.pk, type=CODES).first()
    context = {
        "factors": [(factor, KINDS[factor.type]) for factor in factors],
        "kinds": {factor.type for factor in factors},
        "codes_left": app_settings.RECOVERY_CODE_COUNT - codes.data["used_mask"].bit_count() if codes else 0,
        "is_required": is_required_of(user),
        "provider": provider_of(user),
    }
    return render(request, "accounts/second_factor/all.html", context)


@asks_again("POST")
@open_without_factor
@never_cache
@discreet
@require_http_methods(["GET", "POST"])
def app_new(request: HttpRequest) -> HttpResponse:
    """The secret as a picture and as text; POST sets the app up by its first code."""
    user = _person(request)
    form = AppForm(request.POST or None, user=user)
    if form.is_bound and form.is_valid():
        try:
            codes = changes.add_app(user=user, secret=form.secret, counter=form.counter)
        except changes.NotChanged as reason:
            form.add_error("code", str(reason))
        else:
            return _added(request, codes, "The authenticator app is set up.")
    picture = _picture(get_adapter().build_totp_url(user, form.secret))
    context = {"form": form, "picture": picture}
    return render(request, "accounts/second_factor/app.html", context, status=NOT_ACCEPTED if form.is_bound else 200)


@asks_again("POST")
@never_cache
@require_POST
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes in place of the old ones, shown this once."""
    try:
        codes = changes.make_recovery_codes(user=_person(request))
    except changes.NotChanged as reason:
        messages.error(request, str(reason))
        return redirect("accounts:second-factor")
    return _codes(request, codes)


@asks_again("POST")
@require_POST
def factor_remove(request: HttpRequest, factor_id: int) -> HttpResponse:
    """Remove one of one's own."""
    user = _person(request)
    factor = factors_of(user).filter(pk=factor_id).first()
    if factor is None:
        raise Http404("You have no such second factor: it may have been removed.")
    try:
        changes.remove_factor(user=user, factor=factor)
    except changes.NotChanged as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, f"Removed: {KINDS[factor.type]}.")
    return redirect("accounts:second-factor")


@login_not_required
@never_cache
@discreet
@require_http_methods(["GET", "POST"])
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """After the right password or a link: ask for the second factor, as slowly as for passwords."""
    stage = pending(request)
    if stage is None:
        return redirect(settings.LOGIN_URL)
    user = stage.login.user
    form = CodeForm(request.POST or None, user=user)
    if form.is_bound and not throttling.may_try(request, user):
        return throttling.locked_out(request)
    if form.is_bound and accepts(request, user, form):
        answer: HttpResponse = stage.exit()
        return answer
    return render(request, "accounts/second_factor/sign_in.html", {"form": form, "who": user.get_username()})


def _added(request: HttpRequest, codes: list[str], words: str) -> HttpResponse:
    request.session.pop(MISSING, None)
    messages.success(request, words)
    return _codes(request, codes) if codes else redirect("accounts:second-factor")


def _codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return render(request, "accounts/second_factor/codes.html", {"codes": codes})


def _picture(text: str) -> str:
    """A QR code, as the address of a picture."""
    return f"data:image/svg+xml;base64,{base64.b64encode(get_adapter().build_totp_svg(text).encode()).decode()}"


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied("Second factors belong to people.")
    return request.user
