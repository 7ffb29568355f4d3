"""One-time sign-in links, for the first visit before anybody has a password."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

from portal.accounts.access_signals import requester
from portal.ledger.access_log.recording import record_access
from portal.ledger.models import AccessKind
from portal.web.formatting import duration_words

SALT = "portal.accounts.sign_in_links"


def make_token(user: User, *, valid_for: timedelta) -> str:
    """A signed token that signs `user` in once within `valid_for`. Any sign-in invalidates it. It is recorded that it
    was made."""
    valid = {"valid_for": duration_words(valid_for)}
    record_access(AccessKind.LINK_MADE, actor=requester(), subject=user.get_username(), after=valid)
    payload = {"user": user.pk, "state": _state(user), "seconds": int(valid_for.total_seconds())}
    return signing.dumps(payload, salt=SALT)


def user_of(token: str) -> User | None:
    """The active user of a valid `token`, locked until the transaction ends; else None.

    Call it in the transaction that signs the user in.
    """
    try:
        payload = signing.loads(token, salt=SALT)
        signing.loads(token, salt=SALT, max_age=payload["seconds"])
    except signing.BadSignature:
        return None
    user = User.objects.select_for_update().filter(pk=payload["user"], is_active=True).first()
    return user if user is not None and constant_time_compare(payload["state"], _state(user)) else None


def _state(user: User) -> str:
    """Changes when the user signs in or gets another password."""
    return salted_hmac(SALT, f"{user.pk}{user.password}{user.last_login}", algorithm="sha256").hexdigest()[:32]
