"""What every export says of its moment: what was not observed in its period, or in the thirty days before, and the
policies then; and what one with entries of Ona's audit log says of that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from environments.as_of import clock
from environments.as_of.context import observed
from environments.models import SyncRun
from environments.policies.policy import Policy, policy_at
from environments.sync.freshness import freshness
from environments.timeline.lane_bars import Period
from environments.timeline.observed import LONG_AGO, OUTAGE, find_outages, max_interval
from portal.exports.download import Span
from portal.ledger.models import AuditLogGap

LOOKED_BACK = timedelta(days=30)
NOT_READ = "unknown: the organization's policies had not been read."
AS_THEN = (
    "The environments that were recorded then. Phases, failure, archived_at, lockdown_at, gone_at, secrets_in_sync, "
    "spec_version, desired_phase, never_stops and open_to_everyone are as recorded then; later activity is not "
    "included; every other column is as of now."
)


def about(moment: datetime, period: Span = (None, None)) -> Mapping[str, Any]:
    """The entries "observation" and "policy" of an export's head; five queries. `period`: what it is narrowed to."""
    stand = min(clock.at(), moment)  # within `AsOf.reading`, what is shown may be older than the time requested
    return {"observation": observation(moment, stand, period), "policy": policy_head(policy_at(stand))}


def observation(moment: datetime, stand: datetime, period: Span) -> dict[str, Any]:
    """When environments were last looked at before `moment`, and the times of the period in which they were not."""
    since, until = period
    until = max(min(until or moment, moment), LONG_AGO + LOOKED_BACK)
    window = Period(min(since or until - LOOKED_BACK, until), until)
    return {
        "last_sweep_at": observed(moment).last,
        "shown_as_known_at": stand,
        "gaps_looked_for_since": window.start,
        "gaps_looked_for_until": window.end,
        "gaps": [{"from": gap.start, "until": gap.end, "why": OUTAGE} for gap in gaps(window)],
    }


def gaps(window: Period) -> list[Period]:
    """The times within `window` in which sweeps lay too far apart, in order; one query."""
    found = (Period(start or window.start, end or window.end) for start, end in find_outages(window))
    cut = (Period(max(gap.start, window.start), min(gap.end, window.end)) for gap in found if _long(gap))
    return sorted(gap for gap in cut if gap.start < gap.end)


def log_read() -> dict[str, Any]:
    """How far Ona's audit log was read; two queries. `unread` are the times of which not all is known (null: from the
    log's beginning, or until now)."""
    (log,) = freshness(SyncRun.Kind.AUDIT_LOGS)
    trouble = log.refused or log.failure
    unread = AuditLogGap.objects.order_by(F("start").asc(nulls_first=True), "id").values_list("start", "end")
    return {
        "state": "failed" if log.failure else log.state,
        "last_read_at": log.as_of,
        "error": trouble.error if trouble else None,
        "unread": [{"from": start, "until": end} for start, end in unread],
    }


def policy_head(policy: Policy | None) -> dict[str, Any]:
    """A policy as a file tells it: durations in seconds, null for those that the organization has not."""
    if policy is None:
        return {"lifetime": NOT_READ, "archiving": NOT_READ}
    return {
        "lifetime": policy.lifetime_words,
        "archiving": policy.archive_words,
        "seen_at": policy.seen_at,
        "maximum_lifetime_seconds": policy.lifetime,
        "maximum_lifetime_strict": policy.strict,
        "archive_after_seconds": policy.archive_after,
        "archive_after_is_default": policy.archive_is_default,
        "delete_archived_after_seconds": policy.delete_after,
    }


def _long(gap: Period) -> bool:
    return gap.end - gap.start > max_interval()
