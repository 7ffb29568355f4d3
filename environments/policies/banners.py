"""What the organization's policies mean for one environment: lockdown, archiving and deletion."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeGuard

from environments.detail.fields import Fact
from environments.models import Environment, Phase, Transition
from portal.directory.models import Organization
from portal.web.formatting import duration_words, phase_word

ARCHIVE_AFTER = timedelta(days=3)  # Ona's default where the organization sets none


@dataclass(frozen=True, slots=True)
class Banner:
    """Something that changes how everything else on the page is to be read, and since when."""

    tone: str
    title: str
    at: datetime | None
    text: str


def banners(environment: Environment, organization: Organization | None, now: datetime) -> list[Banner]:
    found = []
    if environment.gone_at:
        text = "Ona confirmed that this environment is deleted. The page shows the last that was known of it."
        found.append(Banner("gray", "Gone", environment.gone_at, text))
    if environment.lockdown_at and environment.lockdown_at <= now:
        found.append(Banner("amber", "Locked down", environment.lockdown_at, lockdown_means(organization)))
    if environment.archived_at:
        text = f"It has to be unarchived before it can be started. Deletion: {_deletion(environment, organization)}"
        found.append(Banner("blue", "Archived", environment.archived_at, text))
    return found


def lockdown_means(organization: Organization | None) -> str:
    """What a lockdown that has come entails under the organization's policies."""
    if not _policies_known(organization):
        return "Whether it can still be started is unknown: the organization's policies have not been read yet."
    if organization.maximum_environment_lifetime_strict:
        return (
            "It is past the organization's maximum lifetime, which is strict: it cannot be started. "
            "An organization admin can move the lockdown to a later time or clear it."
        )
    return "It is past the organization's maximum lifetime, which is not strict: it can still be started."


def lifetime(
    environment: Environment, organization: Organization | None, stopped: Transition | None, now: datetime
) -> list[Fact]:
    """Lockdown, archiving and deletion, past and to come; `stopped` is the newest transition into "stopped"."""
    lockdown = environment.lockdown_at
    means = lockdown_means(organization) if lockdown and lockdown <= now else ""
    return [
        Fact("Lockdown", lockdown, "time", "none: no maximum lifetime applies", note=means),
        Fact("Maximum lifetime", _limit(organization, "maximum_environment_lifetime"), note=_strictness(organization)),
        *_archiving(environment, organization, stopped),
        Fact("Deletion", _deletion(environment, organization)),
    ]


def _archiving(environment: Environment, organization: Organization | None, stopped: Transition | None) -> list[Fact]:
    if environment.archived_at:
        return [Fact("Archived", environment.archived_at, "time")]
    facts = [Fact("Archived", None, "time", "no")]
    if environment.phase != Phase.STOPPED:
        return [*facts, Fact("Will be archived", "", absent=f"not while it is {phase_word(environment.phase)}")]
    since = stopped.seen_at if stopped and stopped.old_seen_at else None
    seen = "" if since else "it was already stopped when the portal first saw it"
    return [*facts, Fact("Stopped since", since, "time", note=seen), _archive_forecast(organization, since)]


def _archive_forecast(organization: Organization | None, since: datetime | None) -> Fact:
    after = _policy(organization, "archive_environments_after") or ARCHIVE_AFTER
    if not since or not _policies_known(organization):
        return Fact("Will be archived", None, "time")
    return Fact("Will be archived", since + after, "time", note=f"after {duration_words(after)} without use, by policy")


def _deletion(environment: Environment, organization: Organization | None) -> str:
    """When an archived environment is deleted, in words."""
    if not _policies_known(organization):
        return "unknown: the organization's policies have not been read yet."
    after = _policy(organization, "delete_archived_environments_after")
    if not after:
        return "never by policy."
    if environment.archived_at is None:
        return f"{duration_words(after)} after archiving, by policy."
    return f"about {environment.archived_at + after:%Y-%m-%d %H:%M} UTC, {duration_words(after)} after archiving."


def _limit(organization: Organization | None, name: str) -> str:
    """A policy in words; empty when unknown."""
    if not _policies_known(organization):
        return ""
    value = _policy(organization, name)
    return duration_words(value) if value else "no limit"


def _strictness(organization: Organization | None) -> str:
    if not _policies_known(organization) or not _policy(organization, "maximum_environment_lifetime"):
        return ""
    return "strict" if organization.maximum_environment_lifetime_strict else "not strict"


def _policy(organization: Organization | None, name: str) -> timedelta | None:
    return getattr(organization, name, None)


def _policies_known(organization: Organization | None) -> TypeGuard[Organization]:
    return organization is not None and organization.policies_seen_at is not None
