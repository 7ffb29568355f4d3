"""When a stopped environment is archived by policy; and the statuses of the archive audit, up to its deletion."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import DateTimeField, F, Q, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest

from environments.models import Phase
from environments.policies import deletion
from environments.policies.deletion import ARCHIVED
from environments.policies.policy import Policy
from environments.policies.verdict import NEVER, NOT_DELETED, UNKNOWN_PHASES, Facts, Status, Verdict, case, deleted, utc
from portal.web.formatting import duration_words

# Ona's own job does not run to the second: what is late by less is not called overdue.
GRACE = timedelta(hours=1)
STATUSES = {
    "overdue": Status("overdue", "red", "Should have been archived or deleted by policy, and is not."),
    "deletion": Status("to be deleted", "amber", "Archived, and will be deleted by policy."),
    "due": Status("to be archived", "blue", "Stopped, and will be archived by policy."),
    "archived": Status("archived", "gray", "Archived, and no policy deletes it."),
    "active": Status("active", "green", "Neither stopped nor archived."),
    "unknown": Status("unknown", "gray", "Its phase is unknown, or it is stopped and the policies had not been read."),
    "deleted": Status("deleted", "gray", "Deleted at Ona; shown when deleted environments are included."),
}
KEPT = NOT_DELETED & Q(archived_at=None)
STOPPED = KEPT & Q(phase=Phase.STOPPED)
# What the policy counts from, of these: it was stopped and not archived by then, or gave a last sign of use where that
# came later: it was started again and stopped between two observations. Greatest passes over what is absent.
SINCE = Greatest("stop__seen_at", "last_used_at", output_field=DateTimeField())


def since(facts: Facts) -> datetime | None:
    """The latest time at which the inactivity that leads to archiving began: `SINCE`."""
    times = [time for time in (facts.stop and facts.stop[1], facts.last_used_at) if time]
    return max(times, default=None)


def due(facts: Facts, policy: Policy | None) -> datetime | None:
    """The latest time; None where it is not stopped, or archived or deleted already, or something is unknown."""
    began = since(facts)
    is_stopped = facts.phase == Phase.STOPPED and facts.archived_at is None and not facts.is_deleted
    return began + policy.archive_after if is_stopped and policy and began else None


def conditions(policy: Policy | None, now: datetime) -> dict[str, Q]:
    """What each status asks of rows that are present, annotated with `since`; each meets exactly one."""
    nameless = KEPT & Q(phase__in=UNKNOWN_PHASES)
    asked = {
        "overdue": NEVER, "deletion": NEVER, "due": NEVER, "archived": ARCHIVED,
        "active": KEPT & ~Q(phase__in=(Phase.STOPPED, *UNKNOWN_PHASES)),
        "unknown": nameless | (STOPPED & Q(since=None) if policy else STOPPED),
        "deleted": ~NOT_DELETED,
    }  # fmt: skip
    if policy is None:
        return asked
    latest = now - GRACE
    stopped_since = latest - policy.archive_after
    asked["due"], asked["overdue"] = STOPPED & Q(since__gte=stopped_since), STOPPED & Q(since__lt=stopped_since)
    if policy.delete_after:
        late = deletion.due_before(latest, policy.delete_after)
        asked |= {"deletion": ARCHIVED & ~late, "overdue": asked["overdue"] | late, "archived": NEVER}
    return asked


def when(policy: Policy | None, gone: bool) -> Combinable:
    """The time of a status, as `judge` has it, for rows annotated with `since`. Where none of them is gone, an index
    has it: the column that says so is in none."""
    times: dict[Q, Combinable] = {Q(gone_at__isnull=False): F("gone_at")} if gone else {}
    times[~NOT_DELETED] = Value(None)
    times[ARCHIVED] = deletion.SINCE + Value(policy.delete_after) if policy and policy.delete_after else deletion.SINCE
    if policy:
        times[STOPPED] = F("since") + Value(policy.archive_after)
    return case(times)


def judge(facts: Facts, policy: Policy | None, now: datetime) -> Verdict:
    """The status of one environment at `now`, under the policies as known then."""
    if facts.is_deleted:
        return deleted(facts)
    if facts.archived_at:
        return _archived(facts, facts.archived_at, policy, now)
    if facts.phase in UNKNOWN_PHASES:
        return Verdict("unknown", None, ("Its phase is unknown.",))
    if facts.phase != Phase.STOPPED:
        return Verdict("active", None, (f"Its phase is {facts.word}, and it is not archived.",))
    return _stopped(facts, policy, now)


def _stopped(facts: Facts, policy: Policy | None, now: datetime) -> Verdict:
    if policy is None:
        return Verdict("unknown", None, (_since(facts), "The organization's policies had not been read."))
    at = due(facts, policy)
    if at is None:
        return Verdict("unknown", None, ("It is stopped. Since when, and when it was last used, is unknown.",))
    between = f"{duration_words(policy.archive_after)}: {_between(facts, policy, at)}"
    because = (_since(facts), f"The policy archives after {between}.")
    if at + GRACE < now:
        return Verdict("overdue", at, (*because, f"It should have been archived by {utc(at)}."))
    return Verdict("due", at, because)


def _archived(facts: Facts, archived_at: datetime, policy: Policy | None, now: datetime) -> Verdict:
    said = f"It was archived at {utc(archived_at)}."
    if policy is None:
        unknown = "Whether it will be deleted is unknown: the organization's policies had not been read."
        return Verdict("archived", archived_at, (said, unknown))
    at = deletion.due(facts, policy)
    if not policy.delete_after or at is None:
        return Verdict("archived", archived_at, (said, "The policy never deletes archived environments."))
    because = (said, f"The policy deletes {duration_words(policy.delete_after)} later: {deletion.words(at)}.")
    if at + GRACE < now:
        return Verdict("overdue", at, (*because, f"It should have been deleted by {utc(at)}."))
    return Verdict("deletion", at, because)


def _since(facts: Facts) -> str:
    """Since when it is stopped, as far as that was observed."""
    used = f" Its last recorded use was at {utc(facts.last_used_at)}." if facts.last_used_at else ""
    if facts.stop is None:
        return f"It is stopped, since when is unknown.{used}"
    after, by = facts.stop
    if after is None:
        return f"It was already stopped when it was first observed, at {utc(by)}.{used}"
    return f"It stopped, or was unarchived, between {utc(after)} and {utc(by)}.{used}"


def _between(facts: Facts, policy: Policy, latest: datetime) -> str:
    """When that is, as exactly as the stop was observed; its earliest time is unknown where nothing bounds it."""
    after = facts.last_used_at or (facts.stop[0] if facts.stop else None) or facts.created_at
    earliest = after + policy.archive_after if after else latest
    return f"by {utc(latest)}" if earliest >= latest else f"between {utc(earliest)} and {utc(latest)}"
