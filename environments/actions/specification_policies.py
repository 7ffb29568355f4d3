"""What the organization's policies allow of an environment's specification (OrganizationPolicies).

Policies that have not been read yet refuse nothing here: Ona judges in the end.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from environments.models import Environment
from portal.directory.models import Organization
from portal.web.enum_labels import enum_label
from portal.web.formatting import duration_words

# as Ona judges openness; a level that is newer than this list is left to Ona
OPENNESS = {
    "ADMISSION_LEVEL_OWNER_ONLY": 1,
    "ADMISSION_LEVEL_CREATOR_ONLY": 1,
    "ADMISSION_LEVEL_ORGANIZATION": 2,
    "ADMISSION_LEVEL_EVERYONE": 3,
}
OWN, WIDEST = 1, 4
SHARING_DISABLED = "The organization's policy has port sharing switched off: what is shared can stay, nothing new."


def organization_of(environment: Environment) -> Organization | None:
    """Whose policies hold for it; None where they have not been read."""
    identity = environment.organization_id
    return Organization.objects.filter(pk=identity).first() if identity else None


def maximum_timeout(organization: Organization | None) -> timedelta | None:
    """The longest inactivity timeout allowed; None for no limit, and for policies not known."""
    return (organization.maximum_environment_timeout or None) if organization else None


def refused_timeout(after: timedelta, organization: Organization | None) -> str:
    """Why this timeout is above the organization's maximum, which "never" (zero) always is; else nothing."""
    longest = maximum_timeout(organization)
    if longest is None or timedelta(0) < after <= longest:
        return ""
    asked = "never stopping" if not after else duration_words(after)
    return f"The organization's policy allows at most {duration_words(longest)}; {asked} is above it."


def openness(admission: str) -> int:
    """How many a port is open to, for comparison; none given is its owner alone, unknown is the widest."""
    return OPENNESS.get(admission, WIDEST) if admission else OWN


def is_above_limit(admission: str, organization: Organization | None) -> bool:
    """Whether the organization's policy has ports less open than this."""
    limit = OPENNESS.get(organization.max_port_admission_level, 0) if organization else 0
    return bool(limit) and OPENNESS.get(admission, 0) > limit


def refused_port(
    number: int, admission: str, shared: Collection[tuple[int | None, str]], organization: Organization | None
) -> str:
    """Why this port must not be shared like this, or nothing; what is `shared` already may stay as it is."""
    if organization is None or (number, admission) in shared:
        return ""
    if organization.port_sharing_disabled:
        return SHARING_DISABLED
    if is_above_limit(admission, organization):
        level = enum_label(organization.max_port_admission_level)
        return f"Port {number}: the organization's policy allows at most “{level}”."
    return ""
