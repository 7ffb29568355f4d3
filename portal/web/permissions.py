"""Permissions of views."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from portal.web.htmx import htmx_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def permission(*names: str) -> Callable[[View[P]], View[P]]:
    """Require every permission named, such as "environments.view_environment".

    Signed-out visitors sign in first; others get 403. The names can be read as `view.permissions`.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            if not request.user.has_perms(names):
                raise PermissionDenied(_explanation(names))
            return view(request, *args, **kwargs)

        guarded.permissions = names  # type: ignore[attr-defined]
        return guarded

    return decorate


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to the sign-in page, which leads back to this page."""
    details = htmx_of(request)
    if details is None:
        return redirect_to_login(request.get_full_path())
    # htmx would follow a plain redirect and put the sign-in page into the middle of this one
    here = details.current_url_abs_path or resolve_url(settings.LOGIN_REDIRECT_URL)
    return HttpResponseClientRedirect(f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': here})}")


def _explanation(names: tuple[str, ...]) -> str:
    words = " and ".join(name.partition(".")[2].replace("_", " ") for name in names)
    return f"Your roles do not let you {words}. An administrator of the portal can give you a role that does."
