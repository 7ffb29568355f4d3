"""The break-glass account: the one local account that signs in by its password, for when the company's sign-in is down.

`PORTAL_BREAK_GLASS_ACCOUNT` names it. Each use is an entry of its own in the access log, and a banner on every page of
those who see people.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from portal.ledger.models import AccessEntry, AccessKind
from portal.web.htmx import is_fragment

SHOWN_FOR: Final = timedelta(days=7)
ELSEWHERE: Final = "Passwords are for emergencies here: sign in with an identity provider, or by a link from an admin."


def is_break_glass(user: User) -> bool:
    """Whether it is that account."""
    return bool(user.get_username() == settings.BREAK_GLASS_ACCOUNT)


def may_use_password(user: User) -> bool:
    """Everybody may where no break-glass account is named."""
    return not settings.BREAK_GLASS_ACCOUNT or is_break_glass(user)


def notice(request: HttpRequest) -> dict[str, Callable[[], AccessEntry | None]]:
    """Context processor: `break_glass_use`, the account's newest sign-in of the last days, for full pages.

    One query, where an account is named.
    """
    user: Any = getattr(request, "user", None)
    if not settings.BREAK_GLASS_ACCOUNT or user is None or is_fragment(request):
        return {}
    uses = AccessEntry.objects.filter(kind=AccessKind.BREAK_GLASS_USED, at__gt=timezone.now() - SHOWN_FOR)
    return {"break_glass_use": uses.newest_first().first} if user.has_perm("accounts.see_people") else {}
