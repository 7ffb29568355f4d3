"""The archive status of an environment: when it is archived and deleted by policy, whether that is late, and why so."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q, Value
from django.db.models.expressions import Combinable

from environments.models import Phase
from environments.policies.policy import Policy
from environments.policies.verdict import UNKNOWN_PHASES, Facts, Status, Verdict, case, deleted, moment_words
from portal.web.formatting import duration_words

# Ona's own job does not run to the second: what is late by less is not called overdue.
GRACE = timedelta(hours=1)
STATUSES = {
    "overdue": Status("overdue", "red", "Should have been archived or deleted by policy, and is not."),
    "deletion": Status("to be deleted", "amber", "Archived, and will be deleted by policy."),
    "due": Status("to be archived", "blue", "Stopped, and will be archived by policy."),
    "archived": Status("archived", "gray", "Archived, and no policy is known that deletes it."),
    "active": Status("active", "green", "Neither stopped nor archived."),
    "unknown": Status("unknown", "gray", "Its phase is unknown, or it is stopped and the policies had not been read."),
    "deleted": Status("deleted", "gray", "Deleted at Ona; shown where gone environments are asked for."),
}
HERE = ~Q(phase=Phase.DELETED)
ARCHIVED, KEPT = HERE & Q(archived_at__isnull=False), HERE & Q(archived_at=None)
STOPPED = KEPT & Q(phase=Phase.STOPPED)


def conditions(policy: Policy | None, now: datetime) -> dict[str, Q]:
    """What each status asks of environments that are not gone, with `stopped_by`; each meets exactly one."""
    never = Q(pk__in=())
    nameless = KEPT & Q(phase__in=UNKNOWN_PHASES)
    asked = {
        "overdue": never, "deletion": never, "due": never, "archived": ARCHIVED,
        "active": KEPT & ~Q(phase__in=(Phase.STOPPED, *UNKNOWN_PHASES)),
        "unknown": nameless | (STOPPED & Q(stopped_by=None) if policy else STOPPED),
        "deleted": ~HERE,
    }  # fmt: skip
    if policy is None:
        return asked
    kept_since = now - policy.archive_after - GRACE
    asked["due"], asked["overdue"] = STOPPED & Q(stopped_by__gte=kept_since), STOPPED & Q(stopped_by__lt=kept_since)
    if policy.delete_after:
        archived_since = now - policy.delete_after - GRACE
        asked["deletion"] = ARCHIVED & Q(archived_at__gte=archived_since)
        asked["overdue"] |= ARCHIVED & Q(archived_at__lt=archived_since)
        asked["archived"] = never
    return asked


def when(policy: Policy | None, gone: bool) -> Combinable:
    """The time a status tells of, as `judge` does, for rows annotated with `stopped_by`. Where none of them is gone, an
    index tells it: the column that says so is in none."""
    times: dict[Q, Combinable] = {Q(gone_at__isnull=False): F("gone_at")} if gone else {}
    times[~HERE] = Value(None)
    if policy is None or not policy.delete_after:
        times[ARCHIVED] = F("archived_at")
    else:
        times[ARCHIVED] = F("archived_at") + Value(policy.delete_after)
    if policy:
        times[STOPPED] = F("stopped_by") + Value(policy.archive_after)
    return case(times)


def judge(facts: Facts, policy: Policy | None, now: datetime) -> Verdict:
    """The status of one environment at `now`, under the policies as known then."""
    if facts.is_deleted:
        return deleted(facts)
    if facts.archived_at:
        return _archived(facts, facts.archived_at, policy, now)
    if facts.phase in UNKNOWN_PHASES:
        return Verdict("unknown", None, ("status.phase is unknown.",))
    if facts.phase != Phase.STOPPED:
        return Verdict("active", None, (f"status.phase is {facts.word}; metadata.archivedAt is absent.",))
    return _stopped(facts, policy, now)


def _stopped(facts: Facts, policy: Policy | None, now: datetime) -> Verdict:
    if policy is None:
        return Verdict("unknown", None, (_since(facts), "The organization's policies had not been read."))
    if facts.stopped_by is None:
        return Verdict("unknown", None, ("It is stopped; since when, and when it was last used, is not known.",))
    due = facts.stopped_by + policy.archive_after
    between = _between(facts.stopped_after, facts.stopped_by, policy)
    because = (_since(facts), f"The policy archives after {duration_words(policy.archive_after)}: {between}.")
    if due + GRACE < now:
        return Verdict("overdue", due, (*because, f"It should have been archived {duration_words(now - due)} ago."))
    return Verdict("due", due, because)


def _archived(facts: Facts, archived_at: datetime, policy: Policy | None, now: datetime) -> Verdict:
    said = f"metadata.archivedAt is {moment_words(archived_at)}."
    if policy is None:
        unknown = "Whether it will be deleted is unknown: the organization's policies had not been read."
        return Verdict("archived", archived_at, (said, unknown))
    if not policy.delete_after:
        return Verdict("archived", archived_at, (said, "The policy never deletes archived environments."))
    due = archived_at + policy.delete_after
    because = (said, f"The policy deletes {duration_words(policy.delete_after)} later: {moment_words(due)}.")
    if due + GRACE < now:
        return Verdict("overdue", due, (*because, f"It should have been deleted {duration_words(now - due)} ago."))
    return Verdict("deletion", due, because)


def _since(facts: Facts) -> str:
    """Since when it is stopped, as far as that was observed."""
    used = f" Its last known use was at {moment_words(facts.last_used_at)}." if facts.last_used_at else ""
    if facts.stop is None:
        return f"It is stopped; since when is not known.{used}"
    after, by = facts.stop
    if after is None:
        return f"It was stopped already when it was first seen, at {moment_words(by)}.{used}"
    return f"It was seen to stop, or to be unarchived, between {moment_words(after)} and {moment_words(by)}.{used}"


def _between(after: datetime | None, by: datetime, policy: Policy) -> str:
    """When that is, as exactly as the stop was observed."""
    latest = moment_words(by + policy.archive_after)
    if after is None or after >= by:
        return f"by {latest}"
    return f"between {moment_words(after + policy.archive_after)} and {latest}"
