"""Permissions of views."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from operator import or_
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import urlencode
from django_htmx.http import HttpResponseClientRedirect

from portal.web.htmx import htmx_of

ADMIN = "Admin"  # the role that gives roles: portal.accounts.roles
MOST_NAMED = 5
P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def permission(*names: str, subject: str = "This page") -> Callable[[View[P]], View[P]]:
    """Require every permission named, such as "environments.view_environment".

    Signed-out visitors sign in first; others get 403, which says what role `subject` needs and who can give it. The
    names can be read as `view.permissions`.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            if not request.user.has_perms(names):
                raise PermissionDenied(explain_roles(request.user, names, subject))
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


def explain_roles(user: Any, names: tuple[str, ...], subject: str) -> str:
    """What role is needed, what role the user has, and who can give another; three queries."""
    verb = "need" if subject.endswith("s") and not subject.startswith("This") else "needs"
    needed = _listed(_roles_with(names), "or")
    needs = f"the role {needed}" if needed else "rights that no role has"
    # what a token may is not what its owner may
    own = getattr(user, "standing", "") or _listed(
        list(user.groups.order_by("name").values_list("name", flat=True)), "and"
    )
    admins = list(
        User.objects.filter(Q(groups__name=ADMIN) | Q(is_superuser=True), is_active=True)
        .order_by("username").distinct().values_list("username", flat=True)[: MOST_NAMED]
    )  # fmt: skip
    ask = f" Ask: {', '.join(admins)}." if admins else ""
    return f"{subject} {verb} {needs}. {f'You are {own}' if own else 'You have no role'}.{ask}"


def _roles_with(names: tuple[str, ...]) -> list[str]:
    """The roles that have all of these permissions, the smallest first."""
    pairs = (name.split(".", 1) for name in set(names))
    holds = reduce(
        or_,
        (Q(permissions__content_type__app_label=app, permissions__codename=code) for app, code in pairs),
        Q(pk__in=()),
    )
    counted = Group.objects.annotate(
        held=Count("permissions", filter=holds, distinct=True), size=Count("permissions", distinct=True)
    )
    return list(counted.filter(held=len(set(names))).order_by("size", "name").values_list("name", flat=True))


def _listed(words: list[str], last: str) -> str:
    """ "a, b or c"."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
