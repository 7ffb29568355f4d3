"""Writing the access log. An entry is written in the transaction of what it tells of, if there is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.http import HttpRequest
from django.utils import timezone

from portal.ledger.models import AccessEntry, AccessKind, AccessOutcome
from portal.ledger.recording import plain
from portal.web.network import client_address, client_browser, current_request

LONGEST_NAME = 150  # characters of a name as typed: as many as a username has
REPEATED = timedelta(minutes=1)  # what a page or a client may do again by itself, or anybody at will
LONGEST = 1_000  # characters of what it was about, and of why
# Of one kind, by one person or, signed out, from one address: whoever tries ever other names or addresses of the
# portal cannot fill the disk. It is more than the sign-in's own limits let through (SIGN_IN_LIMITS).
MAX_REFUSALS, REFUSALS_INTERVAL = 60, timedelta(hours=1)
LAST_REFUSAL = "More of these are not recorded within the hour."
_API_TOKEN = re.compile(r"(portal_[a-z0-9]{8})_[a-z0-9]+")


def record_access(
    kind: AccessKind,
    *,
    actor: User | AbstractBaseUser | AnonymousUser | None = None,
    request: HttpRequest | None = None,
    typed_name: str = "",
    subject: str = "",
    environment_id: UUID | None = None,
    refused_because: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    once_within: timedelta | None = None,
) -> AccessEntry | None:
    """Add an entry to the access log; `request` is by default the one that is being answered.

    `typed_name` is the name of somebody who is not signed in, `refused_because` says why something was refused.
    `once_within` bounds what can be repeated at will: None is returned, and nothing recorded, if the same was recorded
    within that time (one query more). Refusals are bounded as well (MAX_REFUSALS).
    """
    asking = request or current_request()
    entry = AccessEntry(
        at=timezone.now(),
        kind=kind,
        outcome=AccessOutcome.REFUSED if refused_because else AccessOutcome.ALLOWED,
        actor_id=actor.pk if actor else None,
        actor_name=_cut(actor.get_username() if actor else typed_name, LONGEST_NAME),
        token=getattr(actor, "token_words", ""),
        address=client_address(asking) if asking else None,
        browser=client_browser(asking) if asking else "",
        subject=_cut(subject, LONGEST),
        environment_id=environment_id,
        why=_cut(refused_because, LONGEST),
        before=plain(before or {}),
        after=plain(after or {}),
    )
    if once_within and _is_recorded(entry, once_within):
        return None
    if refused_because and not _has_room(entry):
        return None
    entry.save(force_insert=True)
    return entry


def _is_recorded(entry: AccessEntry, within: timedelta) -> bool:
    same = {name: getattr(entry, name) for name in ("kind", "actor_name", "token", "address", "subject", "why")}
    return AccessEntry.objects.filter(at__gt=entry.at - within, **same).exists()


def _has_room(entry: AccessEntry) -> bool:
    """Whether one more refusal is recorded; the last one says that it is."""
    same = {name: getattr(entry, name) for name in ("kind", "outcome", "actor_id", "address")}
    refused = AccessEntry.objects.filter(at__gt=entry.at - REFUSALS_INTERVAL, **same)[:MAX_REFUSALS].count()
    if refused == MAX_REFUSALS - 1:
        entry.why = f"{entry.why} {LAST_REFUSAL}"
    return refused < MAX_REFUSALS


def _cut(text: str, longest: int) -> str:
    return without_token(text.replace("\0", "\ufffd"))[:longest]


def without_token(text: str) -> str:
    """The text without the secret part of an API token that was typed as a name or pasted into a search."""
    return _API_TOKEN.sub(r"\1_[not kept]", text)
