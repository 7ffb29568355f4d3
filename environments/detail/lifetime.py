"""What the organization's policies mean for one environment, as its page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from environments.detail.fields import Fact
from environments.models import Environment, Field, Phase, Transition
from environments.policies import archiving, deletion, lockdown
from environments.policies.policy import Policy
from environments.policies.verdict import Facts, utc
from portal.ledger.models import Operation, Outcome
from portal.web.formatting import duration_words, phase_word

DELETIONS = ("environment.delete", "environment.force_delete")
UNKNOWN = "unknown: the organization's policies have not been read yet."


@dataclass(frozen=True, slots=True)
class Banner:
    """Something that changes how everything else on the page is to be read, and since when."""

    tone: str
    title: str
    at: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """When an environment was deleted: after the first time, if known, and by the second; and who did it, in words."""

    after: datetime | None
    by: datetime
    who: str

    @property
    def words(self) -> str:
        between = f"between {utc(self.after)} and {utc(self.by)}" if self.after else f"before {utc(self.by)}"
        return f"{between}, {self.who}"


def find_deletion(environment: Environment, facts: Facts, policy: Policy | None) -> Deletion | None:
    """Of a deleted environment: when, as exactly as it was observed, and by whom; two queries."""
    if facts.gone_at is None:
        return None
    noticed = Transition.objects.filter(environment=environment, field=Field.GONE).exclude(new="")
    seen = noticed.order_by("-seen_at", "-id").values_list("old_seen_at", flat=True).first()
    done = Operation.objects.of_environment(environment.pk).filter(action__in=DELETIONS, outcome=Outcome.SUCCEEDED)
    actor = done.newest_first().values_list("actor_name", flat=True).first()
    due = facts.archived_at + policy.delete_after if facts.archived_at and policy and policy.delete_after else None
    if actor:
        who = f"by {actor} through the portal"
    else:
        who = "probably by policy" if due and due <= facts.gone_at else "outside the portal"
    return Deletion(seen, facts.gone_at, who)


def banners(facts: Facts, policy: Policy | None, now: datetime, deletion: Deletion | None = None) -> list[Banner]:
    """Of a deleted environment nothing else matters any more."""
    if deletion:
        text = f"This was {deletion.words}. The page shows its last recorded state; no action is available any more."
        return [Banner("gray", f"Deleted {deletion.by:%-d %b %Y}", None, text)]
    found = []
    if lockdown.has_come(facts, now):
        found.append(Banner("amber", "Locked down", facts.lockdown_at, lockdown_means(policy)))
    if facts.archived_at and not facts.is_deleted:
        text = f"It must be unarchived before it can be started. Deletion: {_deletion(facts, policy)}"
        found.append(Banner("blue", "Archived", facts.archived_at, text))
    return found


def lockdown_means(policy: Policy | None) -> str:
    """What a lockdown that has come entails under the organization's policies."""
    if policy is None:
        return "Whether it can still be started is unknown: the organization's policies have not been read yet."
    if policy.strict:
        return (
            "It is past the organization's maximum lifetime, which is strict: it cannot be started. "
            "An organization admin can move the lockdown to a later time or clear it."
        )
    return "It is past the organization's maximum lifetime, which is not strict: it can still be started."


def _no_lockdown(policy: Policy | None) -> str:
    return "none, although there is a maximum lifetime" if policy and policy.lifetime else "none"


def lifetime(facts: Facts, policy: Policy | None, now: datetime) -> list[Fact]:
    """Lockdown, archiving and deletion, past and to come; nothing is to come of a deleted environment."""
    locked_at = lockdown.at(facts, now)
    if facts.is_deleted:
        archived = Fact("Archived", facts.archived_at, "time", "no")
        return [Fact("Lockdown", locked_at, "due", "none"), archived, Fact("Deleted", facts.gone_at, "time")]
    means = lockdown_means(policy) if lockdown.has_come(facts, now) else ""
    return [
        Fact("Lockdown", locked_at, "due", _no_lockdown(policy), note=means),
        Fact("Maximum lifetime", _limit(policy), note=_strictness(policy)),
        *_archiving(facts, policy, now),
        Fact("Deletion", _deletion(facts, policy)),
    ]


def _archiving(facts: Facts, policy: Policy | None, now: datetime) -> list[Fact]:
    if facts.archived_at:
        return [Fact("Archived", facts.archived_at, "time")]
    no = Fact("Archived", None, "time", "no")
    if facts.phase != Phase.STOPPED:
        return [no, Fact("Will be archived", "", absent=f"not while it is {phase_word(facts.phase)}")]
    after, by = facts.stop or (None, None)
    seen = "it stopped then, or was unarchived" if after else "it was already stopped when it was first observed"
    return [no, Fact("Stopped since", by if after else None, "time", note=seen), _archived_by(facts, policy, now)]


def _archived_by(facts: Facts, policy: Policy | None, now: datetime) -> Fact:
    verdict = archiving.judge(facts, policy, now)
    label = "Should have been archived" if verdict.status == "overdue" else "Will be archived"
    note = f"after {duration_words(policy.archive_after)} without use, by policy" if policy and verdict.at else ""
    return Fact(label, verdict.at, "due", note=note)


def _deletion(facts: Facts, policy: Policy | None) -> str:
    """When an environment is deleted, in words."""
    if policy is None:
        return UNKNOWN
    if not policy.delete_after:
        return "never by policy."
    after = f"{duration_words(policy.delete_after)} after archiving"
    at = deletion.due(facts, policy)
    return f"{deletion.words(at)}, {after}." if at else f"{after}, by policy."


def _limit(policy: Policy | None) -> str:
    """In words; empty when unknown."""
    if policy is None:
        return ""
    return duration_words(policy.lifetime) if policy.lifetime else "no limit"


def _strictness(policy: Policy | None) -> str:
    if policy is None or policy.lifetime is None:
        return ""
    return "strict" if policy.strict else "not strict"
