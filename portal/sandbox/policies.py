"""The organization's policies, as limits to requests."""

from portal.sandbox.access import Caller
from portal.sandbox.documents import Document, seconds_of
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState

UP = (
    "ENVIRONMENT_PHASE_CREATING",
    "ENVIRONMENT_PHASE_STARTING",
    "ENVIRONMENT_PHASE_RUNNING",
    "ENVIRONMENT_PHASE_UPDATING",
)
_OPENNESS = {
    "ADMISSION_LEVEL_UNSPECIFIED": 0,
    "ADMISSION_LEVEL_OWNER_ONLY": 1,
    "ADMISSION_LEVEL_CREATOR_ONLY": 1,
    "ADMISSION_LEVEL_ORGANIZATION": 2,
    "ADMISSION_LEVEL_EVERYONE": 3,
}


def check_project(world: WorldState, caller: Caller, spec: Document, project: Document | None) -> None:
    """Refuse an environment without a project, or without anything to clone, where a policy requires them."""
    policies = world.organization.policies
    if policies.get("membersRequireProjects") and not caller.sees_all and project is None:
        raise Refused("failed_precondition", "your organization requires environments to be created from a project")
    if policies.get("disableFromScratch") and not spec.get("content", {}).get("initializer", {}).get("specs"):
        raise Refused("failed_precondition", "your organization does not allow environments from scratch")


def check_quotas(world: WorldState, creator: str) -> None:
    """Refuse one more environment for somebody who has as many as allowed, or as many running."""
    limit = int(world.organization.policies.get("maximumEnvironmentsPerUser", "0"))
    if limit and len(world.environments.indexes["creator"].get(creator, [])) >= limit:
        raise Refused("resource_exhausted", f"your organization's limit of {limit} environments per user is reached")
    check_running(world, creator)


def check_running(world: WorldState, creator: str) -> None:
    """Refuse one more running environment for somebody who has as many as allowed."""
    limit = int(world.organization.policies.get("maximumRunningEnvironmentsPerUser", "0"))
    if limit and sum(1 for _ in world.environments.walk({"creator": [creator], "phase": UP})) >= limit:
        text = f"your organization's limit of {limit} running environments per user is reached"
        raise Refused("resource_exhausted", text)


def check_ports(world: WorldState, ports: list[Document], before: list[Document]) -> None:
    """Refuse ports that are more open than allowed; what was shared before the policy may stay as it is."""
    policies = world.organization.policies
    known = {(port["port"], port.get("admission")) for port in before}
    new = [port for port in ports if (port["port"], port.get("admission")) not in known]
    if new and policies.get("portSharingDisabled"):
        raise Refused("failed_precondition", "port sharing is disabled by your organization")
    limit = _OPENNESS.get(policies.get("maxPortAdmissionLevel", ""), 0)
    for port in new:
        if limit and _OPENNESS.get(port.get("admission", ""), 0) > limit:
            level = policies["maxPortAdmissionLevel"]
            raise Refused("failed_precondition", f"port {port['port']}: your organization allows at most {level}")
    if len({port["port"] for port in ports}) != len(ports):
        raise Refused("invalid_argument", "spec.ports: a port is listed twice")


def check_timeout(world: WorldState, timeout: str) -> None:
    """Refuse a timeout longer than the organization's maximum; 0s (never) is the longest of all."""
    maximum = seconds_of(world.organization.policies.get("maximumEnvironmentTimeout", "0s"))
    if maximum and (seconds_of(timeout) > maximum or seconds_of(timeout) == 0):
        raise Refused(
            "failed_precondition", f"spec.timeout.disconnected: your organization's maximum is {maximum:.0f}s"
        )
