"""The lockdown status of an environment: when the maximum lifetime policy locks it down, and why so."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.expressions import Combinable

from environments.policies.policy import Policy
from environments.policies.verdict import NEVER, NOT_DELETED, UP, Changed, Facts, Status, Verdict, deleted, utc
from portal.web.formatting import duration_words

DAY = timedelta(days=1)
STATUSES = {
    "running": Status("locked down, running", "red", "Past its lockdown, and still running."),
    "past": Status("locked down", "amber", "Past its lockdown, and not running."),
    "24h": Status("within 24 h", "red", "Will be locked down within 24 hours."),
    "7d": Status("in 1 to 7 days", "amber", "Will be locked down in 1 to 7 days."),
    "30d": Status("in 7 to 30 days", "blue", "Will be locked down in 7 to 30 days."),
    "later": Status("later", "gray", "Will be locked down in more than 30 days."),
    "exempt": Status("exempt", "amber", "Has no lockdown although the organization has a maximum lifetime."),
    "none": Status("no policy", "gray", "Has no lockdown, and the organization has no maximum lifetime."),
    "unknown": Status("unknown", "gray", "Has no lockdown; the organization's policies had not been read."),
    "deleted": Status("deleted", "gray", "Deleted at Ona; shown when deleted environments are included."),
}
AHEAD = {"24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
AT: Combinable = F("lockdown_at")


def at(facts: Facts, now: datetime) -> datetime | None:
    """When it is or was locked down; None without a lockdown, and where it was deleted before."""
    end = (facts.gone_at or now) if facts.is_deleted else None
    return None if facts.lockdown_at and end and facts.lockdown_at > end else facts.lockdown_at


def has_come(facts: Facts, now: datetime) -> bool:
    return not facts.is_deleted and facts.lockdown_at is not None and facts.lockdown_at <= now


def is_past(now: datetime) -> Q:
    """`has_come`, among rows that are present."""
    return NOT_DELETED & Q(lockdown_at__lte=now)


def is_ahead(after: datetime, by: datetime | None = None) -> Q:
    """Those that are locked down after a time, and by another, among rows that are present."""
    return NOT_DELETED & (Q(lockdown_at__gt=after, lockdown_at__lte=by) if by else Q(lockdown_at__gt=after))


def prevents_start(lockdown_at: datetime | None, *, is_strict: bool, now: datetime) -> bool:
    """Whether Ona refuses to start an environment, by the organization's policy."""
    return is_strict and lockdown_at is not None and lockdown_at <= now


def conditions(policy: Policy | None, now: datetime) -> dict[str, Q]:
    """What each status asks of rows that are present; each meets exactly one."""
    past, free = is_past(now), NOT_DELETED & Q(lockdown_at=None)
    asked = {
        "running": past & Q(phase__in=UP),
        "past": past & ~Q(phase__in=UP),
        "later": is_ahead(now + 30 * DAY),
        "exempt": free if policy and policy.lifetime else NEVER,
        "none": free if policy and not policy.lifetime else NEVER,
        "unknown": NEVER if policy else free,
        "deleted": ~NOT_DELETED,
    }
    begin = now
    for name, delay in AHEAD.items():
        asked[name] = is_ahead(begin, now + delay)
        begin = now + delay
    return {name: asked[name] for name in STATUSES}


def judge(facts: Facts, policy: Policy | None, now: datetime) -> Verdict:
    """The status of one environment at `now`, under the policies as known then."""
    if facts.is_deleted:
        return deleted(facts)
    if facts.lockdown_at is None:
        return _free(facts, policy)
    if has_come(facts, now):
        name = "running" if facts.phase in UP else "past"
        because = (
            f"Its lockdown was at {utc(facts.lockdown_at)}; its phase is {facts.word}.",
            _strictness(policy, name),
        )
        return _explained(name, facts, because)
    delay = facts.lockdown_at - now
    name = next((name for name, limit in AHEAD.items() if delay <= limit), "later")
    return _explained(
        name,
        facts,
        (f"Its lockdown is at {utc(facts.lockdown_at)}, in {duration_words(delay)}.", _origin(facts, policy)),
    )


def is_by_policy(lockdown_at: datetime | None, created_at: datetime | None, policy: Policy | None) -> bool:
    """Whether a lockdown is what the policy makes of the creation time; if not, somebody may have changed it."""
    if policy is None or policy.lifetime is None or created_at is None or lockdown_at is None:
        return False
    return abs(lockdown_at - created_at - policy.lifetime) < timedelta(minutes=1)


def _explained(name: str, facts: Facts, because: tuple[str, ...]) -> Verdict:
    """Of an environment with a lockdown: who made it what it is, where that was seen."""
    change = _maker(facts)
    if change is None:
        return Verdict(name, facts.lockdown_at, because)
    was = f" from {utc(change.old)}" if change.old else ""
    said = f"It was {change.what}{was} by {change.who}, recorded at {utc(change.by)}."
    return Verdict(name, facts.lockdown_at, (*because, said, *_reason(change)), change)


def _maker(facts: Facts) -> Changed | None:
    """The newest change, if the lockdown is what it made it."""
    return facts.changed if facts.changed and facts.changed.new == facts.lockdown_at else None


def _reason(change: Changed) -> tuple[str, ...]:
    return (f"Reason: {change.reason}",) if change.reason else ()


def _free(facts: Facts, policy: Policy | None) -> Verdict:
    absent = "It has no lockdown."
    if policy is None:
        return Verdict("unknown", None, (absent, "The organization's policies had not been read."))
    if policy.lifetime is None:
        return Verdict("none", None, (absent, policy.lifetime_words))
    because = f"The policy is a maximum lifetime of {duration_words(policy.lifetime)}."
    if change := _maker(facts):
        was = f" of {utc(change.old)}" if change.old else ""
        said = f"The lockdown{was} was cleared by {change.who}, recorded at {utc(change.by)}."
        return Verdict("exempt", None, (absent, because, said, *_reason(change)), change)
    return Verdict("exempt", None, (absent, because, _exemption(facts, policy)))


def _exemption(facts: Facts, policy: Policy) -> str:
    """Why there is no lockdown although there is a policy and nobody was seen to clear it."""
    after, by = policy.since or (None, None)
    if by is None or facts.created_at is None or facts.created_at >= by:
        return "It was created under the policy; why it has no lockdown was not observed."
    if after is None:
        return f"It was created before the policy was first observed, at {utc(by)}; earlier policies were not recorded."
    if facts.created_at <= after:
        return f"It was created before the policy, which was set between {utc(after)} and {utc(by)}."
    return f"It was created around the time that the policy was set, between {utc(after)} and {utc(by)}."


def _strictness(policy: Policy | None, name: str) -> str:
    if policy is None:
        return "Whether it can be started is unknown: the organization's policies had not been read."
    if policy.lifetime is None:
        return "The organization has no maximum lifetime now; the lockdown was set before."
    if not policy.strict:
        return "The policy is not strict: it can still be started."
    running = " It was started before its lockdown, or the policy became strict later." if name == "running" else ""
    return f"The policy is strict: it cannot be started.{running}"


def _origin(facts: Facts, policy: Policy | None) -> str:
    """Whether the lockdown is what the policy makes of the creation time, or another."""
    if policy is None or policy.lifetime is None or facts.created_at is None or facts.lockdown_at is None:
        return "Which policy it comes from is unknown."
    if is_by_policy(facts.lockdown_at, facts.created_at, policy):
        return f"This is its time of creation plus the policy's maximum lifetime of {duration_words(policy.lifetime)}."
    said = (
        f"This is {duration_words(facts.lockdown_at - facts.created_at)} after its creation; the policy's maximum is "
        f"{duration_words(policy.lifetime)}"
    )
    return f"{said}." if _maker(facts) else f"{said}: the lockdown was moved, or comes from an earlier policy."
