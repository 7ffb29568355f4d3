"""What every page says, once, of a connection to Ona that does not do what it should."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from environments.models import Environment, SyncRun
from environments.sync.freshness import Freshness, freshness
from portal.directory.own_token import READ_ONLY, TokenState, own_token
from portal.ledger.models import Operation, Outcome

LISTING_MEMO, TOKEN_MEMO = "_newest_listing", "_own_token"
ONE_DAY = timedelta(days=1)
REFUSED = (
    "Ona rejects the token (wrong, expired or revoked). Set ONA_API_KEY to a valid one and restart the portal, or "
    "replace it in the file of PORTAL_ONA_TOKEN_FILE. What is shown is as of the last sync; nothing can be changed at "
    "Ona."
)
MAY_NOT_READ = (
    "The token may not read environments. Give its owner more rights at Ona, or set ONA_API_KEY to another one; "
    "manage.py check_ona lists what it lacks."
)
FIRST = "The first sync is in progress. Pages update by themselves when it has completed."
NONE = (
    "Ona lists no environments for this token. If the organization has some, the token belongs to somebody who may not "
    "see them, or to another organization: manage.py check_ona reports which."
)
ONLY_READS = (
    "The portal's token is read-only: everything is shown, and nothing can be changed at Ona. For changes, give the "
    "portal a token that may write."
)
NOT_PERMITTED = (
    "Ona refused the newest change as not permitted. The token may be read-only, or a service account's: with "
    "such a one pages are true, but nothing can be changed. Give the portal a token that may write."
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A banner: `tone` is the style of a note. `blocks` reports why no change can work, or is empty."""

    tone: str
    title: str
    text: str
    blocks: str = ""


def connection(user: User | AnonymousUser, environments: Freshness) -> Connection | None:
    """What is wrong, the gravest alone; None if nothing is. One query of the token, and one of the newest operation
    for those who may change something.
    """
    token = own_token_of(user)
    if found := unreadable(environments):
        is_over = found.text == REFUSED and token.is_expired
        return replace(found, title="The portal's token for Ona has expired.") if is_over else found
    may_change = user.has_perm("environments.operate_environment") or user.has_perm("environments.change_environment")
    if token.is_read_only and may_change:
        return Connection("info", "Read-only.", ONLY_READS, READ_ONLY)
    if environments.good is None:
        return Connection("info", "Nothing read from Ona yet.", FIRST)
    if not environments.good.listed and not Environment.objects.present().exists():
        return Connection("info", "No environments.", NONE)
    is_unknown = token.stored is None or token.stored.is_read_only is None
    if is_unknown and user.has_perm("environments.operate_environment") and _was_refused():
        return Connection("warning", "Changes are refused.", NOT_PERMITTED)
    return None


def unreadable(environments: Freshness) -> Connection | None:
    """Why Ona cannot be read, if the newest listing tells."""
    failure = environments.failure
    if failure and failure.error_code == "unauthenticated":
        return Connection("error", "No access to Ona.", REFUSED, "Ona rejects the portal's token.")
    if environments.refused:
        return Connection("error", "No access to Ona.", MAY_NOT_READ, "The portal's token may not read environments.")
    if failure and environments.late:
        blocks = "Nothing has been read from Ona yet." if environments.good is None else ""
        return Connection("warning", "Ona could not be read.", f"{failure.error} {environments.advice}", blocks)
    return None


def why_blocked(user: User | AnonymousUser) -> str:
    """Why no change can work now, in words; two queries for each request."""
    found = unreadable(newest_listing(user))
    if found and found.blocks:
        return found.blocks
    return READ_ONLY if own_token_of(user).is_read_only else ""


def newest_listing(user: User | AnonymousUser) -> Freshness:
    """How fresh environments are, read once for each `user`, whose object lives as long as its request."""
    known: Freshness | None = getattr(user, LISTING_MEMO, None)
    if known is None:
        (known,) = freshness(SyncRun.Kind.ENVIRONMENTS)
        setattr(user, LISTING_MEMO, known)
    return known


def own_token_of(user: User | AnonymousUser) -> TokenState:
    """What is known of the portal's token, read once for each `user`, as the listing."""
    known: TokenState | None = getattr(user, TOKEN_MEMO, None)
    if known is None:
        known = own_token()
        setattr(user, TOKEN_MEMO, known)
    return known


def _was_refused() -> bool:
    closed = Operation.objects.filter(asked_at__gt=timezone.now() - ONE_DAY).exclude(outcome=Outcome.PENDING)
    return closed.newest_first().values_list("code", flat=True).first() == "permission_denied"
