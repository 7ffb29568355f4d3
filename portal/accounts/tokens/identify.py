"""Who a token stands for in a request, or why it is refused. Everything is read for each request, so that a token
stops at once when it is revoked or expires, or when its owner's account is deactivated or its rights are lowered."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from portal.accounts.models import ApiToken, TokenUser
from portal.accounts.tokens.permissions import permissions_of
from portal.accounts.tokens.secret import digest

USED_INTERVAL = timedelta(minutes=1)
log = structlog.get_logger(__name__)


class TokenRefused(Exception):
    """The token does not authenticate; `args[0]` says why. `code` is for logs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def identify(text: str, address: str | None) -> TokenUser:
    """The user that requests with this token have; five queries. TokenRefused if it is not valid (any more)."""
    now = timezone.now()
    token = ApiToken.objects.filter(digest=digest(text)).first()
    if token is None:
        raise TokenRefused("unknown", "The portal has no such token.")
    if token.revoked_at:
        raise TokenRefused("revoked", f"This token was revoked at {token.revoked_at:%Y-%m-%d %H:%M} UTC.")
    if token.expires_at <= now:
        raise TokenRefused("expired", f"This token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC.")
    user = _user_of(token)
    note_use(token, address, now)
    return user


def _user_of(token: ApiToken) -> TokenUser:
    """Its owner, with no more rights than the token's."""
    owner = User.objects.get(pk=token.owner_id)
    if not owner.is_active:
        raise TokenRefused("owner_inactive", "The account of this token's owner is deactivated.")
    allowed = permissions_of(token, owner)
    if allowed is None:
        raise TokenRefused(
            "role_lowered", f"The owner of this token no longer has the rights of its role, {token.role}."
        )
    user = TokenUser(**{field.attname: getattr(owner, field.attname) for field in User._meta.concrete_fields})
    user.is_superuser = user.is_staff = False
    user._state.adding, user._state.db = False, owner._state.db
    user.token, user.allowed = token, allowed
    return user


def note_use(token: ApiToken, address: str | None, now: datetime) -> None:
    """Record the use, at most once a minute; reading goes on where nothing can be written."""
    before = now - USED_INTERVAL
    if token.last_used_at and token.last_used_at > before:
        return
    unused = Q(last_used_at=None) | Q(last_used_at__lte=before)
    try:
        ApiToken.objects.filter(unused, pk=token.pk).update(last_used_at=now, last_used_from=address)
    except DatabaseError as error:
        log.warning("use of a token not recorded", token=token.prefix, error=type(error).__name__)
