"""What was typed into a form whose sender is signed out by then: it is filled in again after signing in, never sent.

A row of the database holds it for an hour, encrypted with a key that only a cookie of that browser has. Secrets and
files are left out. A view takes part by `keeps_form`, and by reading its form with `sent`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from portal.accounts.models import KeptForm
from portal.web import errors
from portal.web.htmx import htmx_of
from portal.web.middleware import SignInRequired

KEPT_FOR: Final = timedelta(hours=1)
MAX_KEPT = 500  # forms of signed-out visitors, whoever they are
MAX_SIZE = 300_000  # characters: the largest automations file, and a reason
COOKIE = f"portal_form{settings.COOKIE_SUFFIX}"
PURPOSE = b"environment portal: form of a signed-out visitor, 1"
# by the last part of a field's name: "variables-0-value"
SECRET = re.compile(r"(^|-)(csrfmiddlewaretoken|value|value_file|secret|token|\w*password\w*)\Z")
PRIVATE_KEY = "PRIVATE KEY"
BACK = (
    "You had to sign in or to confirm who you are when you sent this form, so nothing was changed. What you typed is "
    "filled in again, but for secrets and files: check it, then send it."
)
View = Callable[..., HttpResponseBase]


def keeps_form(view: View) -> View:
    """Mark a view that shows the form again that was sent to it."""
    view.keeps_form = True  # type: ignore[attr-defined]
    return view


def sent(request: HttpRequest) -> QueryDict | None:
    """The form that was sent, or the one that was kept for this page, which is only to be shown; None for neither."""
    if request.method == "POST":
        return request.POST
    cookie = request.COOKIES.get(COOKIE, "")
    row = KeptForm.objects.filter(pk=_digest(cookie), at__gte=timezone.now() - KEPT_FOR).first() if cookie else None
    kept = _read(row, cookie, request.get_full_path()) if row else None
    if row is None or kept is None:
        return None
    row.delete()
    messages.warning(request, BACK)
    return kept


class SignInKeepsForms(SignInRequired):
    """Requires a signed-in user, and keeps what a visitor who is not sent with a form."""

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        refused = super().process_view(request, view_func, view_args, view_kwargs)
        return refused if refused is None else keep_form(request) or refused


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """The form's token is that of an earlier sign-in, or its cookie is missing (CSRF_FAILURE_VIEW): if the browser says
    that a page of this portal sent it, it is shown again."""
    is_own = request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"
    return (keep_form(request) if is_own else None) or errors.csrf_failure(request, reason)


def keep_form(request: HttpRequest, leads_to: HttpResponse | None = None) -> HttpResponse | None:
    """Keep the form and lead to the page that shows it again, by sign-in if need be; None if it is not to be kept."""
    match, typed = request.resolver_match, _typed(request)
    if request.method != "POST" or match is None or not getattr(match.func, "keeps_form", False) or not typed:
        return None
    here = request.get_full_path()
    cookie = _store(json.dumps([here, typed]))
    if cookie is None:
        return None
    answer = leads_to or _lead(request, here)
    answer.set_cookie(
        COOKIE, cookie, max_age=KEPT_FOR, httponly=True, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )
    return answer


def _lead(request: HttpRequest, here: str) -> HttpResponse:
    is_htmx = htmx_of(request) is not None
    if request.user.is_authenticated:
        return HttpResponseClientRedirect(here) if is_htmx else redirect(here)
    if is_htmx:
        return HttpResponseClientRedirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': here})}")
    return redirect_to_login(here)


def _typed(request: HttpRequest) -> dict[str, list[str]]:
    typed = {name: [str(value) for value in values] for name, values in request.POST.lists() if not SECRET.search(name)}
    return {name: values for name, values in typed.items() if not any(PRIVATE_KEY in value for value in values)}


def _store(text: str) -> str | None:
    """Store a text and return the cookie that reads it; None where there is no room."""
    KeptForm.objects.filter(at__lt=timezone.now() - KEPT_FOR).delete()
    if len(text) > MAX_SIZE or KeptForm.objects.count() >= MAX_KEPT:
        return None
    cookie = secrets.token_urlsafe(32)
    content = _cipher(cookie).encrypt(zlib.compress(text.encode()))
    KeptForm.objects.create(pk=_digest(cookie), content=content, at=timezone.now())
    return cookie


def _read(row: KeptForm, cookie: str, here: str) -> QueryDict | None:
    try:
        path, typed = json.loads(zlib.decompress(_cipher(cookie).decrypt(bytes(row.content))))
    except (InvalidToken, zlib.error, ValueError):
        return None
    if path != here:
        return None
    data = QueryDict(mutable=True)
    for name, values in typed.items():
        data.setlist(name, values)
    return data


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _cipher(cookie: str) -> Fernet:
    key = HKDF(SHA256(), 32, salt=cookie.encode(), info=PURPOSE).derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
