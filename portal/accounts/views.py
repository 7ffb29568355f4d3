"""Signing in and out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from portal.accounts import sign_in_links, step_up, throttling
from portal.accounts.forms import ConfirmForm, LinkForm, SignInForm, as_controls
from portal.accounts.models import BrowserSession
from portal.accounts.oidc.accounts import provider_of
from portal.accounts.second_factor.asking import accepts
from portal.accounts.second_factor.factors import has_factor
from portal.accounts.second_factor.forms import CodeForm
from portal.accounts.second_factor.signing_in import begin_sign_in, open_without_factor
from portal.ledger.access_log.recording import REPEATED, record_access
from portal.ledger.models import AccessKind
from portal.web.parameters import anything, takes

NO_LINK = "The sign-in link was used before, expired, or never valid."
log = structlog.get_logger(__name__)


class SignIn(auth_views.LoginView):
    """Sign in with name and password; `next` must be within this portal. django-axes counts failures."""

    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """With the company's providers."""
        return super().get_context_data(providers=settings.IDENTITY_PROVIDERS.values(), **context)

    def get_redirect_url(self, *args: Any, **options: Any) -> str:
        """Without `next`, or where it leads back here or out, go to the person's start view."""
        url: str = super().get_redirect_url(*args, **options)
        nowhere = {reverse("accounts:sign-in"), reverse("accounts:sign-out")}
        return "" if url == reverse("overview") or urlsplit(url).path in nowhere else url

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """The password is right; a second factor may be next."""
        return begin_sign_in(self.request, form.get_user(), following=self.get_success_url())


class ChangePassword(auth_views.PasswordChangeView):
    """Change the own password; other sessions of the user end."""

    template_name = "accounts/password.html"
    success_url = reverse_lazy("accounts:password")

    def get_form_class(self) -> type[Any]:
        """People without a password, who used a one-time link, are not asked for the old one."""
        user = self.request.user
        return PasswordChangeForm if user.is_authenticated and user.has_usable_password() else SetPasswordForm

    def get_form(self, form_class: type[Any] | None = None) -> Any:
        """The form in the portal's style."""
        form = super().get_form(form_class)
        as_controls(form)
        return form

    def post(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """Passwords are guessed here as slowly as at sign-in."""
        user = request.user
        if isinstance(user, User) and not throttling.may_try(request, user):
            return throttling.locked_out(request)
        return super().post(request, *args, **options)

    def form_invalid(self, form: Any) -> HttpResponse:
        """Count a wrong old password."""
        user = self.request.user
        if isinstance(user, User) and form.has_error("old_password", "password_incorrect"):
            throttling.count_failure(self.request, user)
        return super().form_invalid(form)

    def form_valid(self, form: Any) -> HttpResponse:
        """Confirm on the next page."""
        messages.success(
            self.request, "Your password is changed. Other browsers you were signed in with are signed out."
        )
        before = self.request.session.session_key
        answer = super().form_valid(form)  # under a new key
        own = BrowserSession.objects.filter(user=self.request.user.pk)
        own.filter(session_key=before).update(session_key=self.request.session.session_key)
        own.exclude(session_key=self.request.session.session_key).end()
        return answer


@open_without_factor
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@takes(next=anything)
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask who is signed in for the second factor or, without one, the password; `next` is where they were. Both are
    guessed here as slowly as at sign-in.
    """
    user, following = request.user, _following(request)
    if not isinstance(user, User):
        raise PermissionDenied("Only people confirm who they are.")
    form = _confirm_form(request, user)
    if form and form.is_bound and not throttling.may_try(request, user):
        return throttling.locked_out(request)
    if form and form.is_bound and _confirms(request, user, form):
        step_up.mark_confirmed(request)
        return redirect(following)
    context = {"form": form, "provider": provider_of(user), "next": following}
    return render(request, "accounts/confirm.html", context)


def _confirm_form(request: HttpRequest, user: User) -> CodeForm | ConfirmForm | None:
    data = request.POST or None
    if has_factor(user):
        return CodeForm(data, user=user)
    return ConfirmForm(data, user=user) if user.has_usable_password() else None


def _confirms(request: HttpRequest, user: User, form: CodeForm | ConfirmForm) -> bool:
    if isinstance(form, CodeForm):
        return accepts(request, user, form)
    if not form.is_valid():
        throttling.count_failure(request, user)
        return False
    return True


def _following(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next", "")
    is_here = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
    return wanted if is_here else resolve_url(settings.LOGIN_REDIRECT_URL)


@login_not_required
@never_cache
@sensitive_post_parameters("token")
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest) -> HttpResponse:
    """A one-time link. Opening it changes nothing, so that link previews do not use it up; its button signs in."""
    form = LinkForm(request.POST if request.method == "POST" else request.GET)
    if not form.is_valid():
        return _link_is_over(request)
    if request.method == "GET":
        return render(request, "accounts/link.html", {"form": LinkForm(initial=form.cleaned_data)})
    with transaction.atomic():
        user = sign_in_links.user_of(form.cleaned_data["token"])
        if user is None:
            return _link_is_over(request)
        if request.user.is_authenticated:
            logout(request)  # a sign-in that waits for its second factor is nobody's session
        answer = begin_sign_in(request, user, following=resolve_url(settings.LOGIN_REDIRECT_URL))
        record_access(AccessKind.LINK_USED, actor=user)
    log.info("sign_in_link_used", user_id=user.pk)
    return answer


def _link_is_over(request: HttpRequest) -> HttpResponse:
    log.warning("sign_in_link_refused")
    record_access(AccessKind.REFUSED_SIGN_IN, refused_because=NO_LINK, once_within=REPEATED)
    return render(request, "accounts/link_is_over.html", status=410)


sign_in = method_decorator(never_cache, name="dispatch")(SignIn).as_view()
sign_out = open_without_factor(auth_views.LogoutView.as_view())
change_password = ChangePassword.as_view()
