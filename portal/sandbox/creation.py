"""CreateEnvironment and CreateEnvironmentFromProject."""

from urllib.parse import urlsplit

from portal.sandbox import phases, policies, secrets
from portal.sandbox.access import Caller
from portal.sandbox.documents import SECOND, Document, merge, new_id, rfc3339, seconds_of
from portal.sandbox.planning import replan
from portal.sandbox.refusals import Refused, not_signed_in
from portal.sandbox.world_state import WorldState

PRIVATE_HOST = "git.private.example"  # nobody has given Ona access to it


def create(world: WorldState, request: Document, caller: Caller, project: Document | None = None) -> Document:
    """A new environment from a CreateEnvironmentRequest in JSON form. Needs a class that exists and is enabled."""
    with world.lock:
        given = request.get("spec", {})
        machine_class = _class(world, given.get("machine", {}).get("class", ""))
        policies.check_ports(world, given.get("ports", []), [])
        if "disconnected" in given.get("timeout", {}):
            policies.check_timeout(world, given["timeout"]["disconnected"])
        _check_source(given)
        policies.check_project(world, caller, given, project)
        policies.check_quotas(world, caller.subject)
        document: Document = {
            "id": new_id(world.rng),
            "metadata": _metadata(world, request, machine_class, caller, project),
            "spec": _spec(world, given),
            "status": {"statusVersion": "1"},
        }
        document["spec"] |= secrets.remounted(world, document)
        merge(document["status"], phases.creating(document))
        world.add("ENVIRONMENT", document)
        replan(world, document)
        return world.document(document["id"])


def create_from_project(world: WorldState, request: Document, caller: Caller) -> Document:
    """A new environment from a CreateEnvironmentFromProjectRequest: the project's spec beneath the request's."""
    projects = world.organization.projects
    project = next((each for each in projects if each["id"] == request.get("projectId")), None)
    if project is None:
        raise Refused("not_found", f"project {request.get('projectId')} not found")
    spec: Document = {
        "machine": {"class": project["environmentClasses"][0]["environmentClassId"]},
        "content": {"initializer": project["initializer"]},
        "devcontainer": {"devcontainerFilePath": project.get("devcontainerFilePath", "")},
        "automationsFile": {"automationsFilePath": project.get("automationsFilePath", "")},
    }
    merge(spec, request.get("spec", {}))
    return create(world, {**request, "spec": spec}, caller, project)


def _class(world: WorldState, identifier: str) -> Document:
    for each in world.organization.classes:
        if each["id"] == identifier:
            if not each.get("enabled"):
                raise Refused("failed_precondition", f"environment class {identifier} is disabled")
            return each
    raise Refused("invalid_argument", f"spec.machine.class: no environment class {identifier!r}")


def _check_source(given: Document) -> None:
    """Refuse what cannot be cloned: a context URL that is no web address, a host nobody is signed in to."""
    for index, spec in enumerate(given.get("content", {}).get("initializer", {}).get("specs", [])):
        context, git = spec.get("contextUrl", {}).get("url", ""), spec.get("git", {}).get("remoteUri", "")
        if context and urlsplit(context).scheme not in ("http", "https"):
            field = f"spec.content.initializer.specs[{index}].context_url.url"
            raise Refused("invalid_argument", f"{field}: must be an http or https address")
        host = urlsplit(context or git).hostname or ""
        if host == PRIVATE_HOST:
            raise not_signed_in(host)


def _metadata(
    world: WorldState, request: Document, machine_class: Document, caller: Caller, project: Document | None
) -> Document:
    specs = request.get("spec", {}).get("content", {}).get("initializer", {}).get("specs", [{}])
    first: Document = specs[0] if specs else {}
    url: str = first.get("contextUrl", {}).get("url", "") or first.get("git", {}).get("remoteUri", "")
    lifetime = round(seconds_of(world.organization.policies.get("maximumEnvironmentLifetime", "0s")) * SECOND)
    return {
        "organizationId": world.organization.id,
        "name": request.get("name") or url.rstrip("/").rpartition("/")[2].removesuffix(".git") or "environment",
        "creator": caller.as_subject(),
        "originalContextUrl": url.removesuffix(".git"),
        "createdAt": rfc3339(world.instant),
        "lastStartedAt": rfc3339(world.instant),
        "projectId": project["id"] if project else "",
        "runnerId": machine_class["runnerId"],
        "role": "ENVIRONMENT_ROLE_DEFAULT",
        "sessionId": request.get("sessionId", ""),
        **({"lockdownAt": rfc3339(world.instant + lifetime)} if lifetime else {}),
        **({"annotations": request["annotations"]} if request.get("annotations") else {}),
    }


def _spec(world: WorldState, given: Document) -> Document:
    """What was given, with the sessions and defaults Ona adds."""
    spec: Document = {
        "specVersion": "1",
        "desiredPhase": "ENVIRONMENT_PHASE_RUNNING",
        "machine": {"session": new_id(world.rng)},
        "content": {"session": new_id(world.rng)},
        "devcontainer": {"session": new_id(world.rng)},
        "automationsFile": {"session": new_id(world.rng)},
        "timeout": {"disconnected": "1800s"},
        "admission": "ADMISSION_LEVEL_OWNER_ONLY",
    }
    merge(spec, given)
    spec |= {"specVersion": "1", "desiredPhase": "ENVIRONMENT_PHASE_RUNNING"}
    for secret in spec.get("secrets", []):
        secret.setdefault("id", new_id(world.rng))
    for key in spec.get("sshPublicKeys", []):
        key.setdefault("id", new_id(world.rng))
    return spec
