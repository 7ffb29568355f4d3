"""Tokens of the portal in requests to its API: `Authorization: Bearer portal_…`.

Everything is read for each request, so that a token stops at once when it is revoked or expires, or when its owner's
account is deactivated or its rights are lowered.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.db.models import Q
from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from portal.accounts.models import ApiToken, TokenUser
from portal.accounts.roles import is_reading
from portal.accounts.tokens.permissions import permissions_of
from portal.accounts.tokens.secret import digest
from portal.api.throttling import count_failure
from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind
from portal.web.network import client_address

SCHEME = b"bearer"
REALM = 'Bearer realm="api"'
MALFORMED = "Send the token as: Authorization: Bearer portal_… (one token, without blanks)."
USED_INTERVAL = timedelta(minutes=1)
log = structlog.get_logger(__name__)


class TokenAuthentication(BaseAuthentication):
    """`request.user` has the permissions of the token and no others; `request.auth` is the token.

    A request without a bearer token is left to other ways of signing in. One with a wrong token is refused, whatever
    else it carries.
    """

    def authenticate(self, request: Request) -> tuple[TokenUser, ApiToken] | None:
        kind, _, text = get_authorization_header(request).partition(b" ")
        if kind.lower() != SCHEME:
            return None
        address = client_address(request._request)
        try:
            user = identify(_token(text), address)
        except TokenRefused as refusal:
            log.warning("token refused", why=refusal.code)
            count_failure(address)
            raise exceptions.AuthenticationFailed(str(refusal)) from None
        # names the token on each line that is logged of this request
        structlog.contextvars.bind_contextvars(user_id=user.pk, token=user.token.prefix)
        return user, user.token

    def authenticate_header(self, request: Request) -> str:
        """WWW-Authenticate of a 401."""
        return REALM


def _token(text: bytes) -> str:
    try:
        token = text.strip().decode("ascii")
    except UnicodeDecodeError:
        token = ""
    if not token or any(character.isspace() for character in token):
        raise TokenRefused("malformed", MALFORMED)
    return token


class TokenRefused(Exception):
    """The token does not authenticate; `args[0]` says why. `code` is for logs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def identify(text: str, address: str | None) -> TokenUser:
    """The user that requests with this token have; four queries. TokenRefused if it is not valid (any more)."""
    token = ApiToken.objects.select_related("owner").filter(digest=digest(text)).first()
    if token is None:
        raise TokenRefused("unknown", "The portal has no such token.")
    user = user_of(token)
    note_use(user, address, timezone.now())
    return user


def user_of(token: ApiToken) -> TokenUser:
    """Its owner, with no more rights than the token's; three queries. TokenRefused if it is not valid any more."""
    if token.revoked_at:
        raise TokenRefused("revoked", f"This token was revoked at {token.revoked_at:%Y-%m-%d %H:%M} UTC.")
    if token.expires_at <= timezone.now():
        raise TokenRefused("expired", f"This token expired at {token.expires_at:%Y-%m-%d %H:%M} UTC.")
    owner = token.owner
    if not owner.is_active:
        raise TokenRefused("owner_inactive", "The account of this token's owner is deactivated.")
    of_role = permissions_of(token, owner)
    if of_role is None:
        raise TokenRefused(
            "role_lowered", f"The owner of this token no longer has the rights of its role, {token.role}."
        )
    user = TokenUser(**{field.attname: getattr(owner, field.attname) for field in User._meta.concrete_fields})
    user.is_superuser = user.is_staff = False
    user._state.adding, user._state.db = False, owner._state.db
    user.token, user.of_role = token, of_role
    user.allowed = frozenset(filter(is_reading, of_role)) if token.is_read_only else of_role
    return user


def note_use(user: TokenUser, address: str | None, now: datetime) -> None:
    """Record the use, at most once a minute, and in the access log the first use of a day; reading goes on where
    nothing can be written."""
    token, before = user.token, now - USED_INTERVAL
    if token.last_used_at and token.last_used_at > before:
        return
    unused = Q(last_used_at=None) | Q(last_used_at__lte=before)
    is_first = token.last_used_at is None or token.last_used_at.astimezone(UTC).date() < now.date()
    try:
        with transaction.atomic():
            noted = ApiToken.objects.filter(unused, pk=token.pk).update(last_used_at=now, last_used_from=address)
            if noted and is_first:
                record_access(AccessKind.TOKEN_USED, actor=user, subject=str(token))
    except DatabaseError as error:
        log.warning("use of a token not recorded", token=token.prefix, error=type(error).__name__)
