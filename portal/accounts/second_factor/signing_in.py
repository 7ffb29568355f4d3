"""The second factor at sign-in: required where one is set up, and set up first where a role needs one.

Whoever signs in by an identity provider is the provider's to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.account.stages import LoginStage, LoginStageController
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django_htmx.http import HttpResponseClientRedirect

from portal.accounts.second_factor.factors import has_factor, is_required_of
from portal.web.htmx import htmx_of
from portal.web.problems import is_api, problem_of_status

MISSING: Final = "second_factor_missing"  # in the session
IN_API = "Your role needs a second factor: set one up first, at /accounts/second-factor/ in this browser."
View = TypeVar("View", bound=Callable[..., object])


class CodeStage(LoginStage):
    """Between the password or the link and being signed in."""

    key = "second-factor"
    urlname = "accounts:sign-in-code"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        """To the page that asks; None goes on."""
        is_asked = not _is_by_provider(self.login.signal_kwargs) and has_factor(self.login.user)
        return redirect(self.urlname) if is_asked else None, True


def pending(request: HttpRequest) -> CodeStage | None:
    """The sign-in that waits for its second factor in this browser, for at most a quarter of an hour."""
    if request.user.is_authenticated:
        return None
    stage = LoginStageController.enter(request, CodeStage.key)
    if not isinstance(stage, CodeStage) or stage.login.user is None:
        return None
    return stage if stage.login.user.is_active and has_factor(stage.login.user) else None


def begin_sign_in(request: HttpRequest, user: User, *, following: str) -> HttpResponse:
    """The right password, or a link: sign in, or ask for the second factor before that."""
    answer: HttpResponse = perform_login(request, Login(user=user, redirect_url=following))
    return answer


def require_factor(request: HttpRequest, user: User, signal_kwargs: dict[str, Any] | None) -> None:
    """Note in the session of somebody who has just signed in that they have to set one up."""
    if not _is_by_provider(signal_kwargs) and is_required_of(user) and not has_factor(user):
        request.session[MISSING] = True


def open_without_factor(view: View) -> View:
    """Mark a view that somebody needs who has to set up a second factor."""
    view.is_open_without_factor = True  # type: ignore[attr-defined]
    return view


class SecondFactorFirst(MiddlewareMixin):
    """Leads whoever has to set up a second factor there, from every page."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        """None lets the request through."""
        if _is_open(request, view) or not request.session.get(MISSING):
            return None
        if is_api(request):
            return problem_of_status(403, IN_API)
        page = reverse("accounts:second-factor")
        return redirect(page) if htmx_of(request) is None else HttpResponseClientRedirect(page)


def _is_open(request: HttpRequest, view: Callable[..., HttpResponseBase]) -> bool:
    """The API's views see to signing in themselves, so that they are marked as those that need none."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or getattr(view, "is_open_without_factor", False):
        return True
    return not getattr(view, "login_required", True) and not is_api(request)


def _is_by_provider(signal_kwargs: dict[str, Any] | None) -> bool:
    return "sociallogin" in (signal_kwargs or {})
