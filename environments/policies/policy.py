"""The organization's policies of lifetime, archiving and deletion as observed at a time, and over time, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet, Subquery

from portal.directory.models import Organization, PolicyVersion
from portal.ledger import diff
from portal.web.formatting import duration_words

ARCHIVE_AFTER = timedelta(days=3)  # Ona's default where the organization sets none
MOST_VERSIONS = 50


@dataclass(frozen=True, slots=True)
class Policy:
    """Of `lifetime` and `delete_after`, None means that there is none. `since` is when a lifetime came to be: after the
    first time, if known, and by the second; None while there is none."""

    lifetime: timedelta | None = None
    strict: bool = False
    archive_after: timedelta = ARCHIVE_AFTER
    archive_is_default: bool = False
    delete_after: timedelta | None = None
    since: tuple[datetime | None, datetime] | None = None
    seen_at: datetime | None = None

    @property
    def lifetime_words(self) -> str:
        if self.lifetime is None:
            return "No maximum lifetime: environments are not locked down by policy."
        means = (
            "strict: an environment past it cannot be started"
            if self.strict
            else "not strict: an environment past it can still be started"
        )
        return (
            f"Maximum lifetime {duration_words(self.lifetime)}, {means}. It applies to environments created under it."
        )

    @property
    def archive_words(self) -> str:
        default = " (Ona's default: the organization sets none)" if self.archive_is_default else ""
        deleted = (
            f"deleted {duration_words(self.delete_after)} later" if self.delete_after else "never deleted by policy"
        )
        after = duration_words(self.archive_after)
        return f"Stopped environments are archived after {after} without use{default}, and {deleted}."


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One observed version of the policies: what changed, field by field, as Ona names the fields."""

    after: datetime | None
    by: datetime
    lifetime: str
    archiving: str
    differences: list[diff.Change]


def versions_at(at: datetime) -> QuerySet[PolicyVersion]:
    """The versions of the organization's policies that were seen by then, newest first."""
    first = Organization.objects.present().order_by("id").values("id")[:1]
    seen = PolicyVersion.objects.filter(organization=Subquery(first), seen_at__lte=at)
    return seen.order_by("-seen_at", "-id")


def policy_at(at: datetime) -> Policy | None:
    """The policies as known at a time, in one query; None where they had not been read yet."""
    return policy_of(list(versions_at(at)[:MOST_VERSIONS]))


def policy_of(versions: list[PolicyVersion]) -> Policy | None:
    """What the newest of these versions, which come newest first, says."""
    if not versions:
        return None
    newest = versions[0]
    return Policy(
        lifetime=newest.maximum_environment_lifetime or None,
        strict=newest.maximum_environment_lifetime_strict,
        archive_after=newest.archive_environments_after or ARCHIVE_AFTER,
        archive_is_default=not newest.archive_environments_after,
        delete_after=newest.delete_archived_environments_after or None,
        since=_since(versions),
        seen_at=newest.seen_at,
    )


def history(at: datetime) -> tuple[list[PolicyChange], bool]:
    """The newest observed changes of the policies by then, newest first; and whether there are older ones."""
    versions = list(versions_at(at)[: MOST_VERSIONS + 1])  # one more: what the last one shown changed
    befores = [*versions, None][1:]
    found = [_change(version, before) for version, before in zip(versions, befores, strict=True)]
    return found[:MOST_VERSIONS], len(found) > MOST_VERSIONS


def _since(versions: list[PolicyVersion]) -> tuple[datetime | None, datetime] | None:
    """When the lifetime that the newest version has came to be, whatever its length was since."""
    since = None
    for version in versions:
        if not version.maximum_environment_lifetime:
            break
        since = (version.old_seen_at, version.seen_at)
    return since


def _change(version: PolicyVersion, before: PolicyVersion | None) -> PolicyChange:
    said = policy_of([version])
    # as parts of one entry: a policy that is absent afterwards was taken away
    pair = ({"policies": before.policies}, {"policies": version.policies}) if before else ({}, {})
    differences = diff.moved(diff.compare(*pair))
    lifetime, archiving = (said.lifetime_words, said.archive_words) if said else ("", "")
    return PolicyChange(version.old_seen_at, version.seen_at, lifetime, archiving, differences)
