"""UpdateEnvironment: given fields are changed, the others stay; the runner applies the new spec."""

from typing import Any

from gitpod.v1 import environment_pb2
from google.protobuf import json_format

from portal.sandbox import policies, secrets
from portal.sandbox.access import Caller
from portal.sandbox.documents import Document, instead, rfc3339
from portal.sandbox.operations import refuse_leaving
from portal.sandbox.planning import replan
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState


def update(
    world: WorldState, document: Document, request: environment_pb2.UpdateEnvironmentRequest, caller: Caller
) -> None:
    """Take an update into the spec; the whole of it is refused if any part is. The runner applies it seconds later."""
    refuse_leaving(document)
    metadata = _metadata(world, request, caller)
    spec = _spec(world, document, request)
    identifier = document["id"]
    if metadata or spec:
        changed = world.change(identifier, metadata=metadata, spec=spec)
        if metadata or "timeout" in spec:
            replan(world, changed)


def _metadata(world: WorldState, request: environment_pb2.UpdateEnvironmentRequest, caller: Caller) -> dict[str, Any]:
    given = request.metadata
    changes: dict[str, Any] = {}
    if given.HasField("name"):
        changes["name"] = given.name
    if given.HasField("lockdown_at"):
        if not caller.sees_all:
            raise Refused("permission_denied", "metadata.lockdownAt: only organization admins may change it")
        at = given.lockdown_at.seconds * 1_000_000 + given.lockdown_at.nanos // 1000
        if at and at <= world.instant:
            raise Refused("invalid_argument", "metadata.lockdownAt: must be in the future, or the epoch to clear it")
        changes["lockdownAt"] = rfc3339(at) if at else None
    return changes


def _spec(world: WorldState, document: Document, request: environment_pb2.UpdateEnvironmentRequest) -> dict[str, Any]:
    given, before = request.spec, document["spec"]
    requested = json_format.MessageToDict(given)
    changes: dict[str, Any] = {
        part: _explicit(getattr(given, field), requested.get(part, {}))
        for part, field in (
            ("content", "content"),
            ("devcontainer", "devcontainer"),
            ("automationsFile", "automations_file"),
        )
        if given.HasField(field)
    }
    if any("session" in changes.get(part, {}) for part in ("content", "devcontainer")):
        changes |= secrets.remounted(world, document)
    if given.HasField("kernel_controls_config"):
        known = before.get("kernelControlsConfig", {})
        changes["kernelControlsConfig"] = instead(known, requested["kernelControlsConfig"]) or None
    if given.HasField("timeout") and given.timeout.HasField("disconnected"):
        policies.check_timeout(world, requested["timeout"]["disconnected"])
        changes["timeout"] = {"disconnected": requested["timeout"]["disconnected"]}
    if given.ports:
        ports = requested["ports"]
        policies.check_ports(world, ports, before.get("ports", []))
        changes["ports"] = ports
    if given.ssh_public_keys:
        changes["sshPublicKeys"] = _patched_keys(before.get("sshPublicKeys", []), given)
    return changes


def _explicit(message: Any, requested: Document) -> Document:
    """The optional fields that were given, also where given as their default: "" is a value, absence is not."""
    changes: Document = {}
    for field in message.DESCRIPTOR.fields:
        if message.HasField(field.name):
            changes[field.json_name] = requested.get(field.json_name)
    return changes


def _patched_keys(before: list[Document], given: environment_pb2.UpdateEnvironmentRequest.Spec) -> list[Document]:
    """Keys are patched by id: one with a value is added or replaced, one without is removed."""
    keys = {key["id"]: key for key in before}
    for key in given.ssh_public_keys:
        if key.HasField("value") and key.value:
            keys[key.id] = {"id": key.id, "value": key.value}
        else:
            keys.pop(key.id, None)
    return list(keys.values())
