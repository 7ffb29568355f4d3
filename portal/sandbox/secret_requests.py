"""Operations on secrets: create, set a new value, list, delete; refusals raise Refused."""

from gitpod.v1 import secret_pb2

from portal.sandbox import secrets
from portal.sandbox.access import Caller
from portal.sandbox.documents import Document, new_id, rfc3339
from portal.sandbox.facts import scope_key
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState


def requested_scope(world: WorldState, scope: secret_pb2.SecretScope, project_id: str = "") -> Document:
    """The scope a request names, or by its deprecated project; Refused where there is none or it does not exist."""
    field = scope.WhichOneof("scope")
    name = secret_pb2.SecretScope.DESCRIPTOR.fields_by_name[field].json_name if field else "projectId"
    identifier: str = getattr(scope, field) if field else project_id
    if not identifier:
        raise Refused("invalid_argument", "scope: value is required")
    organization = world.organization
    known = {
        "organizationId": identifier == organization.id,
        "projectId": any(project["id"] == identifier for project in organization.projects),
        # Service accounts of the stand-in go by the id of the member they were made for.
        "userId": bool(organization.member(identifier)),
        "serviceAccountId": bool(organization.member(identifier)),
    }
    if not known[name]:
        raise Refused("not_found", f"{name.removesuffix('Id')} {identifier} not found")
    return {name: identifier}


def may_see(caller: Caller, scope: str) -> bool:
    """Whether the caller sees secrets of a scope (`facts.scope_key`)."""
    return caller.sees_all or scope.startswith(("organizationId:", "projectId:")) or scope == _own(caller)


def _own(caller: Caller) -> str:
    return f"userId:{caller.subject}"


def _refuse_touching(caller: Caller, scope: str) -> None:
    if not (caller.sees_all or scope.startswith("projectId:") or scope == _own(caller)):
        kind = scope.partition("Id:")[0]
        raise Refused("permission_denied", f"only organization admins may change secrets of the scope {kind}")


def create(world: WorldState, request: secret_pb2.CreateSecretRequest, requested: Document, caller: Caller) -> Document:
    """A new secret from a request and the same in JSON form."""
    with world.lock:
        scope = requested_scope(world, request.scope, request.project_id)
        key = scope_key(scope)
        _refuse_touching(caller, key)
        mount = _mount(requested)
        if any(entry.facts.name == request.name for entry in world.secrets.walk({"scope": [key]})):
            raise Refused("already_exists", f"a secret named {request.name} already exists in this scope")
        document: Document = {
            "id": new_id(world.rng),
            "name": request.name,
            "createdAt": rfc3339(world.instant),
            "updatedAt": rfc3339(world.instant),
            "creator": caller.as_subject(),
            "scope": scope,
            "source": requested.get("source", {"verbatim": True}),
            **mount,
        }
        world.secrets.put(document)
        _store_digest(world, document["id"], request.value)
        secrets.unsettle(world, scope)
        return document


def _mount(requested: Document) -> Document:
    mount = {field: requested[field] for field in secrets.MOUNTS if requested.get(field)}
    if not mount:
        raise Refused("invalid_argument", f"mount: one of {', '.join(secrets.MOUNTS)} is required")
    proxy = requested.get("credentialProxy")
    if proxy is None:
        return mount
    if not proxy.get("targetHosts") or not proxy.get("header"):
        raise Refused("invalid_argument", "credential_proxy: target_hosts and header are required")
    return {**mount, "credentialProxy": proxy}


def set_value(world: WorldState, request: secret_pb2.UpdateSecretValueRequest, caller: Caller) -> None:
    """Set a secret's value; running environments have the old one until the next start or rebuild."""
    with world.lock:
        document = get(world, request.secret_id, caller)
        _refuse_touching(caller, scope_key(document["scope"]))
        # Two values in the same microsecond, or while the clock stands still, still differ.
        document["updatedAt"] = rfc3339(max(world.instant, secrets.renewed(document) + 1))
        world.secrets.put(document)
        _store_digest(world, document["id"], request.value)
        secrets.unsettle(world, document["scope"])


def delete(world: WorldState, identifier: str, caller: Caller) -> None:
    """Delete a secret; running environments have it until the next start or rebuild."""
    with world.lock:
        document = get(world, identifier, caller)
        _refuse_touching(caller, scope_key(document["scope"]))
        world.secrets.remove(identifier)
        del world.digests[identifier]
        secrets.unsettle(world, document["scope"])


def get(world: WorldState, identifier: str, caller: Caller) -> Document:
    """The secret, or Refused as not_found, also where the caller does not see it."""
    entry = world.secrets.entries.get(identifier)
    if entry is None or not may_see(caller, entry.facts.scope):
        raise Refused("not_found", f"secret {identifier} not found")
    return entry.document()


def _store_digest(world: WorldState, identifier: str, value: str) -> None:
    world.digests[identifier] = secrets.digest(value, f"{world.rng.getrandbits(64):016x}")
