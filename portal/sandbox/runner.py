"""The runner's side of a changed spec: seconds later it acknowledges the version, or refuses it, and applies it."""

from portal.sandbox import failures, phases
from portal.sandbox.documents import SECOND, Document
from portal.sandbox.planning import replan
from portal.sandbox.world_state import WorldState

DEAF, REFUSES = "deaf", "refuses"  # a runner's temper towards one environment, as in Condition
_WORKING = ("ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_UPDATING")
_OWN_WISHES = {"desiredPhase", "machine", "secrets"}  # what Ona itself changes when something starts, stops or goes


def notice(world: WorldState, identifier: str, changed: set[str]) -> None:
    """React to changed parts of a spec: the runner answers within one to four seconds, machine or no machine."""
    if world.tempers.get(identifier) != DEAF:
        due = world.instant + round(world.rng.uniform(1, 4) * SECOND)
        # Not under the environment's own name: an acknowledgement is not voided by what interrupts the environment.
        world.agenda.add(due, "ack", f"ack:{identifier}", 0 if changed <= _OWN_WISHES else 1)


def ack(world: WorldState, whom: str, by_request: int) -> None:
    """Answer the newest version of the spec. Only requested changes (`by_request`) are ever refused."""
    identifier = whom.removeprefix("ack:")
    if identifier not in world.environments.entries:
        return
    document = world.document(identifier)
    if document["status"].get("runnerAck", {}).get("specVersion") == document["spec"]["specVersion"]:
        return
    if by_request and world.tempers.get(identifier) == REFUSES:
        world.change(identifier, status={"runnerAck": refused(document)})
        return
    status: phases.Change = {"runnerAck": phases.acknowledged(document), **applied(document)}
    changed = world.change(identifier, status=status)
    if "phase" in status:
        replan(world, changed)


def refused(document: Document) -> phases.Change:
    """The runner refuses the current spec."""
    version = document["spec"]["specVersion"]
    return {"specVersion": version, "statusCode": "STATUS_CODE_FAILED_PRECONDITION", "message": failures.ACK}


def applied(document: Document) -> phases.Change:
    """What the runner changes in a running environment so that it is as its spec says; nothing in another."""
    spec, status = document["spec"], document["status"]
    if status.get("phase") not in _WORKING:
        return {}
    change = _sessions(document)
    urls = phases.port_urls(document)
    if status.get("environmentUrls", {}).get("ports", []) != urls:
        change["environmentUrls"] = {"ports": urls}
    keys = [{"id": key["id"], "phase": "CONTENT_PHASE_READY"} for key in spec.get("sshPublicKeys", [])]
    if status.get("sshPublicKeys", []) != keys:
        change["sshPublicKeys"] = keys
    timeout = spec.get("timeout", {}).get("disconnected", "")
    if status.get("machine", {}).get("timeout", "") != timeout:
        change["machine"] = {"timeout": timeout}
    return change


def _sessions(document: Document) -> phases.Change:
    """A new content session initializes the content, a new devcontainer session builds the container again."""
    spec, status = document["spec"], document["status"]
    content, container = spec.get("content", {}).get("session"), spec.get("devcontainer", {}).get("session")
    if content and content != status.get("content", {}).get("session"):
        rebuilding = phases.rebuilding(document)
        return rebuilding | {"content": {"phase": "CONTENT_PHASE_INITIALIZING", "session": content, "git": None}}
    if container and container != status.get("devcontainer", {}).get("session"):
        return phases.rebuilding(document)
    if _out_of_date(document):
        return {"devcontainer": {"devcontainerconfigInSync": False}}
    return _automations_file(document)


def _out_of_date(document: Document) -> bool:
    """Whether the container that runs was built from another file than the spec names now."""
    container = document["status"].get("devcontainer", {})
    built_from = container.get("devcontainerFilePath", "")
    path = phases.devcontainer_path(document)
    return container.get("phase") == "PHASE_RUNNING" and built_from != path


def _automations_file(document: Document) -> phases.Change:
    given, known = document["spec"].get("automationsFile", {}), document["status"].get("automationsFile", {})
    same = all(given.get(field) == known.get(field) for field in ("session", "automationsFilePath"))
    return {} if same or not given else phases.automations_applied(document)
