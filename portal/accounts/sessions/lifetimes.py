"""How long a session lasts: without use, and at most. Its row says from where and when it was last used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import time
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from portal.accounts.models import BrowserSession
from portal.accounts.step_up import mark_confirmed
from portal.web.network import client_address, client_browser

STARTED, USED = "started_at", "used_at"  # in the session: seconds since 1970
WRITTEN_EVERY = 60  # seconds


class SessionLifetimes(MiddlewareMixin):
    """Ends sessions that are over, before anything of theirs is answered."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponseBase], _args: Any, _kwargs: Any
    ) -> None:
        """Before the sign-in is checked: who is signed out by this is sent there, and keeps what was typed."""
        if not getattr(view, "login_required", True) or SESSION_KEY not in request.session:
            return
        session, now = request.session, int(time())
        started, used = session.get(STARTED, now), session.get(USED, 0)
        if now - started > settings.SESSION_MAX_SECONDS or (used and now - used > settings.SESSION_IDLE_SECONDS):
            logout(request)
        elif now - used >= WRITTEN_EVERY and not _is_news(request):
            session[STARTED], session[USED] = started, now
            BrowserSession.objects.filter(session_key=session.session_key).update(
                last_used_at=timezone.now(), address=client_address(request)
            )


def begin_session(sender: Any, request: HttpRequest, user: User, **_more: Any) -> None:
    """Somebody signed in (user_logged_in)."""
    session, now = request.session, int(time())
    session[STARTED] = session[USED] = now
    mark_confirmed(request)
    if session.session_key is None:
        session.create()
    BrowserSession.objects.over().filter(user=user).delete()
    moment = datetime.fromtimestamp(now, UTC)
    BrowserSession.objects.update_or_create(
        session_key=session.session_key,
        defaults={
            "user": user, "started_at": moment, "last_used_at": moment, "address": client_address(request),
            "browser": client_browser(request),
        },
    )  # fmt: skip


def _is_news(request: HttpRequest) -> bool:
    """An open page that asks for news by itself is not somebody who uses it."""
    match = request.resolver_match
    return match is not None and match.view_name == "live"
