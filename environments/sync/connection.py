"""What every page says, once, of a connection to Ona that does not do what it should."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from environments.models import Environment, SyncRun
from environments.sync.freshness import Freshness, freshness
from portal.ledger.models import Operation, Outcome

MEMO = "_newest_listing"
ONE_DAY = timedelta(days=1)
REFUSED = (
    "Ona rejects the token (wrong, expired or revoked). Set ONA_API_KEY to a valid one and restart the portal. "
    "What is shown is as of the last sync; nothing can be changed at Ona."
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
READ_ONLY = (
    "Ona refused the latest change as not permitted. The token may be read-only: pages are then correct, but "
    "nothing can be changed. Set ONA_API_KEY to a token that may write."
)


@dataclass(frozen=True, slots=True)
class Connection:
    """A banner: `tone` is the style of a note. `blocks` reports why no change can work, or is empty."""

    tone: str
    title: str
    text: str
    blocks: str = ""


def connection(user: User | AnonymousUser, environments: Freshness) -> Connection | None:
    """What is wrong, the gravest alone; None if nothing is. One query, for those who may change something."""
    if found := unreadable(environments):
        return found
    if environments.good is None:
        return Connection("info", "Nothing read from Ona yet.", FIRST)
    if not environments.good.listed and not Environment.objects.present().exists():
        return Connection("info", "No environments.", NONE)
    if user.has_perm("environments.operate_environment") and _was_refused():
        return Connection("warning", "Changes are refused.", READ_ONLY)
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
    """Why no change can work now, in words; one query for each request."""
    found = unreadable(newest_listing(user))
    return found.blocks if found else ""


def newest_listing(user: User | AnonymousUser) -> Freshness:
    """How fresh environments are, read once for each `user`, whose object lives as long as its request."""
    known: Freshness | None = getattr(user, MEMO, None)
    if known is None:
        (known,) = freshness(SyncRun.Kind.ENVIRONMENTS)
        setattr(user, MEMO, known)
    return known


def _was_refused() -> bool:
    closed = Operation.objects.filter(asked_at__gt=timezone.now() - ONE_DAY).exclude(outcome=Outcome.PENDING)
    return closed.newest_first().values_list("code", flat=True).first() == "permission_denied"
