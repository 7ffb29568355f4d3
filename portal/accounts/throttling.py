"""Sign-in throttling: failures count by name and address together, by address and by name (AXES_HANDLER)."""

from __future__ import annotations

from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_cool_off
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.web.formatting import duration_words


class SignInThrottle(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """Each of AXES_LOCKOUT_PARAMETERS has a limit of its own in SIGN_IN_LIMITS: many names from one address are slowed,
    and one name from many addresses, but later than one name from one address, as an office shares its address.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """How much of the limit that is nearest is used, in parts of AXES_FAILURE_LIMIT."""
        counted = zip(self.get_user_attempts(request, credentials), settings.SIGN_IN_LIMITS, strict=True)
        return max(settings.AXES_FAILURE_LIMIT * _failures(attempts) // limit for attempts, limit in counted)

    def reset_user_attempts(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """Forgive the name at this address; whoever has one account must not be able to clear the address."""
        own, *_ = self.filter_user_attempts(request, credentials)
        return int(own.delete()[0])


def _failures(attempts: Any) -> int:
    return attempts.aggregate(failures=Sum("failures_since_start"))["failures"] or 0


def may_try(request: HttpRequest, user: User) -> bool:
    """Whether a password of `user` may be tried now; if not, the answer becomes the page of `locked_out`."""
    is_allowed = bool(AxesProxyHandler.is_allowed(request, {"username": user.get_username()}))
    if not is_allowed:
        request.axes_locked_out = True  # type: ignore[attr-defined]
    return is_allowed


def count_wrong_code(request: HttpRequest, user: User) -> None:
    """Count a wrong second factor like a wrong password, though the access log has a kind of its own for it."""
    AxesProxyHandler.user_login_failed(__name__, {"username": user.get_username()}, request)


def count_failure(request: HttpRequest, user: User) -> None:
    """Count a wrong password of a signed-in user like one at sign-in."""
    user_login_failed.send(__name__, credentials={"username": user.get_username()}, request=request)


def locked_out(request: HttpRequest, *_details: Any) -> HttpResponse:
    """Too many wrong passwords or codes for one name, from one address, or both (AXES_LOCKOUT_CALLABLE)."""
    pause = get_cool_off(request)
    response = render(request, "accounts/locked_out.html", {"pause": pause and duration_words(pause)}, status=429)
    if pause:
        response["Retry-After"] = str(int(pause.total_seconds()))
    return response
