"""The portal's own token for Ona: whose it is, what it may and until when. The token itself is stored nowhere.

The sync reads it with the directory, and as soon as there is another token. What was read of one token is not believed
of the next: a keyed digest tells them apart.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from portal.directory.connection import current_token, ona
from portal.directory.models import SERVICE_ACCOUNT, OwnToken
from portal.ona import OnaClient, OnaError
from portal.ona.documents.accounts import AccessToken
from portal.ona.documents.directory import Identity
from portal.ona.documents.pages import Page

log = structlog.get_logger()
SALT = "portal.directory.own_token"
WARNED = timedelta(days=14)  # before it expires
RECENT = timedelta(minutes=15)  # the token that asks was used so lately, whatever Ona's clock and precision
READ_ONLY = "The portal's token is read-only: Ona refuses every change."
SAME = timedelta(minutes=1)
T = TypeVar("T", bound=AccessToken)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TokenState:
    """What is known of the token in use as of `now`; `stored` is what Ona told, None if nothing was read yet."""

    stored: OwnToken | None
    expires_at: datetime | None
    now: datetime

    @property
    def left(self) -> timedelta | None:
        return None if self.expires_at is None else self.expires_at - self.now

    @property
    def is_expired(self) -> bool:
        return self.left is not None and self.left <= timedelta(0)

    @property
    def is_expiring(self) -> bool:
        """Whether it has fourteen days left, or less, or none."""
        return self.left is not None and self.left <= WARNED

    @property
    def is_probable(self) -> bool:
        """Whether the owner has other tokens that it can be, and this is the first of them to expire."""
        return self.stored is not None and not self.stored.is_certain and self.expires_at == self.stored.expires_at

    @property
    def is_read_only(self) -> bool:
        """Whether Ona says so; a token of which that is not known may write."""
        return self.stored is not None and self.stored.is_read_only is True

    @property
    def word(self) -> str:
        """Its state for programs: ok, expiring, expired or unknown."""
        if self.expires_at is None:
            return "unknown" if self.stored is None else "ok"
        return "expired" if self.is_expired else "expiring" if self.is_expiring else "ok"

    @property
    def days_left(self) -> float | None:
        return None if self.left is None else self.left / timedelta(days=1)

    @property
    def text(self) -> str:
        """When it expires, in a few words: "expires in 13 days"."""
        if self.left is None:
            return "does not say when it expires"
        if self.is_expired:
            return "has expired"
        days = self.left.days
        return f"expires in {days} day{'' if days == 1 else 's'}" if days else "expires today"


def own_token() -> TokenState:
    """The state of the token in use; one query."""
    token = current_token()
    stored = OwnToken.objects.filter(digest=_digest(token)).first()
    told = stored.expires_at if stored else None
    is_certain = stored is not None and stored.is_certain
    expires_at = (told if is_certain else None) or _set_by_hand() or _told_by(token) or told
    return TokenState(stored, expires_at, timezone.now())


def read_if_replaced() -> bool:
    """Read the token in use if it is not the one that was read last; whether it was. One query if it is the same."""
    if own_token().stored:
        return False
    try:
        client = ona()
        read_own_token(client, client.get_authenticated_identity())
    except (OnaError, ValueError) as error:
        log.info("the portal's token cannot be read", error=str(error))
        return False
    return True


def read_own_token(client: OnaClient, identity: Identity) -> None:
    """Store what Ona tells of the token, which belongs to `identity`. What the token may not read stays unknown."""
    token = current_token()
    of_owner = _of_service_account if identity.subject.principal == SERVICE_ACCOUNT else _of_person
    columns = of_owner(client, identity, _told_by(token)) if identity.subject.id else {}
    if token != current_token():
        return  # it was replaced meanwhile, so this may be of either
    owner = {"principal": identity.subject.principal, "subject_id": identity.subject.id}
    OwnToken.objects.exclude(digest=_digest(token)).delete()
    OwnToken.objects.update_or_create(digest=_digest(token), defaults={**owner, **columns, "read_at": timezone.now()})


def _of_person(client: OnaClient, identity: Identity, ends_at: datetime | None) -> Mapping[str, Any]:
    user_id = identity.subject.id or ""
    user = _readable(lambda: client.get_user(user_id))
    tokens = _in_use(_all(lambda: client.personal_access_token_pages([user_id])), ends_at)
    rights = {token.read_only for token in tokens}
    return {
        "owner": (user.name or user.email) if user else "",
        "is_read_only": rights.pop() if len(rights) == 1 else None,
        **_told(tokens),
    }


def _of_service_account(client: OnaClient, identity: Identity, ends_at: datetime | None) -> Mapping[str, Any]:
    """Ona has no read-only ones of these. The account itself ends, too."""
    account_id = identity.subject.id or ""
    account = _readable(lambda: client.get_service_account(account_id))
    every = _all(client.service_account_token_pages)
    columns = _told(_in_use([token for token in every if token.service_account_id == account_id], ends_at))
    ends = [each for each in (columns["expires_at"], account and account.valid_until) if each]
    return {
        **columns,
        "owner": account.name if account else "",
        "is_read_only": None,
        "expires_at": min(ends, default=None),
    }


def _readable(read: Callable[[], R]) -> R | None:
    """What `read` returns; None if Ona refuses it or cannot be reached."""
    try:
        return read()
    except OnaError as error:
        log.info("not readable for the portal's token", rpc=error.rpc, code=error.code)
        return None


def _all(pages: Callable[[], Iterator[Page[T]]]) -> list[T]:
    return _readable(lambda: [token for page in pages() for token in page.items]) or []


def _in_use(tokens: Sequence[T], ends_at: datetime | None) -> Sequence[T]:
    """Those of the owner's tokens that can be the one in use: Ona does not say which asks.

    It has not expired, was used just now, and ends when it says so itself.
    """
    now = timezone.now()
    alive = [token for token in tokens if token.expires_at is None or token.expires_at > now]
    used = [token for token in alive if token.last_used and token.last_used > now - RECENT] or alive
    return [token for token in used if ends_at and token.expires_at and abs(token.expires_at - ends_at) < SAME] or used


def _told(tokens: Sequence[AccessToken]) -> dict[str, Any]:
    """Of several that it can be, the first to expire."""
    first = min(tokens, key=lambda token: (token.expires_at is None, token.expires_at), default=None)
    return {
        "description": first.description if first else "",
        "expires_at": first.expires_at if first else None,
        "is_certain": len(tokens) == 1,
    }


def _digest(token: str) -> str:
    return salted_hmac(SALT, token, algorithm="sha256").hexdigest()


def _set_by_hand() -> datetime | None:
    """By ONA_API_KEY_EXPIRES."""
    day = settings.ONA_API_KEY_EXPIRES
    return datetime.combine(day, time(), UTC) if day else None


def _told_by(token: str) -> datetime | None:
    """The `exp` of a JSON web token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        told = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return datetime.fromtimestamp(told["exp"], UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return None
