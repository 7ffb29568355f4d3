"""The parts of an environment's specification (EnvironmentService.UpdateEnvironment.spec): each sends its part alone.

Every function takes `seen`, what its caller saw of the part. Where Ona has the part otherwise by now, nothing is sent
and the operation has failed with code "conflict": its `before` is what Ona has, its `after` what was asked for. Each
returns its operation; see `environments.actions.execute.perform` for what is raised.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Unpack

from environments.actions import registry
from environments.actions import specification_parts as parts
from environments.actions import specification_policies as policies
from environments.actions.execute import Change, NotPossible, perform, version
from environments.actions.specification_parts import PartValues, Port, Seen
from environments.documents.json_part import Part, as_number
from environments.models import Environment
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ledger.recording import Asked, plain

LAST_PORT = (
    "The last shared port cannot be taken away: for Ona an empty list is no change. Open it to its owner only instead."
)
CONFLICT = (
    "Somebody else changed this part at Ona after the form was opened. Nothing was changed: compare, then decide."
)


class Conflict(NotPossible):
    """Ona has the part otherwise than the form was made from."""

    code = "conflict"

    def __init__(self, mine: Mapping[str, Any], theirs: Mapping[str, Any], before: Mapping[str, Any]) -> None:
        self.mine, self.theirs, self.before = mine, theirs, before
        super().__init__(CONFLICT)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one part: `spec` is what to send, by what Ona has now; `allowed` raises NotPossible."""

    action: registry.Action
    after: Mapping[str, Any]
    spec: Callable[[Environment], Mapping[str, Any]]
    allowed: Callable[[Environment], None] = lambda environment: None


# action → the values it changes, as Ona has them: what `before`, `after` and the proof of a lost answer are made of
PARTS: dict[str, parts.Values] = {
    registry.PORTS.name: parts.ports,
    registry.TIMEOUT.name: parts.timeout,
    registry.GIT.name: parts.git,
    registry.SSH_KEYS.name: parts.ssh_keys,
    registry.DEVCONTAINER.name: parts.devcontainer,
    registry.REBUILD.name: parts.devcontainer_with_session,
    registry.AUTOMATIONS_FILE.name: parts.automations_file,
    registry.CONTENT.name: parts.content,
    registry.KERNEL_CONTROLS.name: parts.kernel_controls,
}


def _with_version(values: parts.Values) -> parts.Values:
    return lambda environment: {**values(environment), "specVersion": version(environment)}


VALUES: dict[str, parts.Values] = {name: _with_version(values) for name, values in PARTS.items()}


def edit_ports(
    *, environment: Environment, ports: Sequence[Port], seen: Seen | None = None, **asked: Unpack[Asked]
) -> Operation:
    """All shared ports as they shall be; fields of a port that are not named here stay as they are."""

    def allowed(fresh: Environment) -> None:
        now = parts.ports(fresh)["ports"]
        if now and not ports:
            raise NotPossible(LAST_PORT)
        shared, organization = {(row["port"], row["admission"]) for row in now}, _organization(fresh)
        for port in ports:
            if why := policies.refused_port(port.port, port.admission, shared, organization):
                raise NotPossible(why)

    after = {"ports": parts.in_order(port.values() for port in ports)}
    edit = Edit(registry.PORTS, after, lambda fresh: {"ports": _ports(fresh, ports)}, allowed)
    return _perform(environment, edit, seen, asked)


def _ports(fresh: Environment, ports: Sequence[Port]) -> list[Mapping[str, Any]]:
    """As Ona has them, in its order, with what is to change; new ones last."""
    rows = {as_number(row.fields.get("port")): row.fields for row in reversed(Part(fresh.spec).parts("ports"))}
    places = {number: place for place, number in enumerate(reversed(rows))}
    origins = [(port, port.was if port.was in rows else port.port) for port in ports]
    origins.sort(key=lambda each: places.get(each[1], len(places)))
    return [_port(rows.get(origin, {}), port) for port, origin in origins]


def _port(row: Mapping[str, Any], port: Port) -> Mapping[str, Any]:
    """The row with the port's values; unspecified ones are left out, as Ona leaves them out."""
    values = port.values()
    return {name: value for name, value in row.items() if name not in values} | {
        name: value for name, value in values.items() if value != ""
    }


def edit_timeout(
    *, environment: Environment, disconnected: timedelta, seen: Seen | None = None, **asked: Unpack[Asked]
) -> Operation:
    """The time without use after which it stops: zero for never, else at least half an hour."""

    def allowed(fresh: Environment) -> None:
        if why := policies.refused_timeout(disconnected, _organization(fresh)):
            raise NotPossible(why)

    after = {"disconnected": disconnected}
    return _perform(environment, Edit(registry.TIMEOUT, after, lambda fresh: {"timeout": after}, allowed), seen, asked)


def edit_git(
    *, environment: Environment, username: str, email: str, seen: Seen | None = None, **asked: Unpack[Asked]
) -> Operation:
    """The name and e-mail of commits; "" takes one away."""
    after = {"gitUsername": username, "gitEmail": email}

    def spec(fresh: Environment) -> Mapping[str, Any]:
        now = parts.git(fresh)
        return {"content": {name: text for name, text in after.items() if text != now[name]} or after}

    return _perform(environment, Edit(registry.GIT, after, spec), seen, asked)


def edit_ssh_keys(
    *,
    environment: Environment,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    seen: Seen | None = None,
    **asked: Unpack[Asked],
) -> Operation:
    """`add` public keys (OpenSSH lines) and `remove` those with these ids: at Ona this is a patch by id."""
    seen = seen or Seen.of(environment, parts.ssh_keys)
    new = [{"id": str(uuid.uuid4()), "value": value} for value in add]
    kept = [key for key in seen.values["sshPublicKeys"] if key["id"] not in remove]
    patch = {"sshPublicKeys": [*({"id": identity} for identity in remove), *new]}
    edit = Edit(registry.SSH_KEYS, {"sshPublicKeys": parts.by_id([*kept, *new])}, lambda fresh: patch)
    return _perform(environment, edit, seen, asked)


def edit_devcontainer(
    *,
    environment: Environment,
    path: str,
    rebuild: bool = False,
    seen: Seen | None = None,
    **asked: Unpack[Asked],
) -> Operation:
    """The devcontainer file's path in the repository; only `rebuild` builds the container anew, and wants a reason."""
    after = {"devcontainerFilePath": path}
    session = {"session": str(uuid.uuid4())} if rebuild else {}

    def spec(fresh: Environment) -> Mapping[str, Any]:
        is_same = bool(rebuild) and parts.devcontainer(fresh) == after
        return {"devcontainer": session if is_same else {**after, **session}}

    if rebuild:
        return _perform(
            environment,
            Edit(registry.REBUILD, {**after, "devcontainerSession": session["session"]}, spec),
            seen or Seen.of(environment, parts.devcontainer_with_session),
            asked,
        )
    return _perform(environment, Edit(registry.DEVCONTAINER, after, spec), seen, asked)


def edit_automations_file(
    *, environment: Environment, path: str, seen: Seen | None = None, **asked: Unpack[Asked]
) -> Operation:
    """The automations file's path in the repository."""
    after = {"automationsFilePath": path}
    edit = Edit(registry.AUTOMATIONS_FILE, after, lambda fresh: {"automationsFile": after})
    return _perform(environment, edit, seen, asked)


def make_content_anew(*, environment: Environment, seen: Seen | None = None, **asked: Unpack[Asked]) -> Operation:
    """A new session for the content, which is then fetched again as its initializer says: work in it is lost."""
    session = str(uuid.uuid4())
    edit = Edit(registry.CONTENT, {"contentSession": session}, lambda fresh: {"content": {"session": session}})
    return _perform(environment, edit, seen, asked)


def edit_kernel_controls(
    *,
    environment: Environment,
    enabled: bool,
    action: str,
    denylist: Sequence[str],
    seen: Seen | None = None,
    **asked: Unpack[Asked],
) -> Operation:
    """Which programs the kernel refuses, and how (KERNEL_CONTROLS_ACTION_…); Ona replaces the whole configuration."""
    after: PartValues = {"enabled": enabled, "action": action, "denylist": list(denylist)}

    def spec(fresh: Environment) -> Mapping[str, Any]:
        config = Part(fresh.spec).part("kernelControlsConfig")
        veto = config.part("veto")
        rule = veto.part("exec").fields | after
        sent = {name: value for name, value in rule.items() if name != "action" or value}
        return {"kernelControlsConfig": {**config.fields, "veto": {**veto.fields, "exec": sent}}}

    return _perform(environment, Edit(registry.KERNEL_CONTROLS, after, spec), seen, asked)


def _perform(environment: Environment, edit: Edit, seen: Seen | None, asked: Asked) -> Operation:
    name = edit.action.name
    was = seen or Seen.of(environment, PARTS[name])

    def check(fresh: Environment) -> None:
        _refuse_conflict(was, PARTS[name](fresh), edit.after, int(fresh.spec_version))
        edit.allowed(fresh)

    change = Change(
        edit.action,
        lambda ona: ona.update_environment(environment.pk, spec=plain(edit.spec(environment))),
        lambda fresh: {"environmentId": fresh.pk, "spec": edit.spec(fresh)},
        VALUES[name],
        edit.after,
        check,
    )
    return perform(environment, change, asked)


def _refuse_conflict(seen: Seen, theirs: Mapping[str, Any], mine: Mapping[str, Any], now: int) -> None:
    """Conflict where Ona's version is newer and the part neither as it was seen nor as it is asked for."""
    before = {name: seen.values.get(name) for name in theirs}
    if now > seen.version and plain(theirs) not in (plain(before), plain(mine)):
        raise Conflict(mine, theirs, before)


def _organization(environment: Environment) -> Organization | None:
    identity = environment.organization_id
    return Organization.objects.filter(pk=identity).first() if identity else None
