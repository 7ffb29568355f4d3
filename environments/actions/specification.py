"""The parts of an environment's specification (EnvironmentService.UpdateEnvironment.spec): each sends its part alone.

Every function takes `seen`, what its caller saw of the part. Where Ona has the part otherwise by now, nothing is sent
and the operation has failed with code "conflict": its `before` is what Ona has, its `after` what was asked for. Each
returns its operation; see `environments.actions.execute` for what is raised.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Unpack

from environments.actions import specification_parts as parts
from environments.actions import specification_policies as policies
from environments.actions.execute import Conflict, NotPossible, change_environment, version
from environments.actions.forms.ports import PortsForm, admission_field
from environments.actions.forms.specification import (
    AutomationsFileForm,
    ContentForm,
    DevcontainerForm,
    GitForm,
    KernelControlsForm,
    TimeoutForm,
    chosen_duration,
    timeout_field,
)
from environments.actions.forms.ssh_keys import SSHKeysForm
from environments.actions.losses import losses
from environments.actions.reconcile import by_state
from environments.actions.registry import CHANGE, Action, Danger, Inverse, Many
from environments.actions.specification_parts import EditedPart, PartValues, Port, Seen
from environments.documents.json_part import Part, as_duration, as_number
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext, plain
from portal.web.enum_labels import enum_label
from portal.web.formatting import duration_words


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one part: `spec` is what to send, by what Ona has now; `allowed` raises NotPossible."""

    action: Action
    part: EditedPart
    after: Mapping[str, Any]
    spec: Callable[[Environment], Mapping[str, Any]]
    allowed: Callable[[Environment], None] = lambda environment: None


def with_version(values: parts.Values) -> parts.Values:
    """The values, and the version of the specification, which every edit raises."""
    return lambda environment: {**values(environment), "specVersion": version(environment)}


def edit_ports(
    *, environment: Environment, ports: Sequence[Port], seen: Seen | None = None, **context: Unpack[RequestContext]
) -> Operation:
    """All shared ports as they shall be; fields of a port that are not named here stay as they are."""

    def allowed(fresh: Environment) -> None:
        now = parts.ports(fresh)["ports"]
        if now and not ports:
            raise NotPossible(parts.LAST_PORT)
        shared, organization = {(row["port"], row["admission"]) for row in now}, policies.organization_of(fresh)
        for port in ports:
            if why := policies.refused_port(port.port, port.admission, shared, organization):
                raise NotPossible(why)

    after = {"ports": parts.in_order(port.values() for port in ports)}
    edit = Edit(PORTS, parts.PORTS, after, lambda fresh: {"ports": _ports(fresh, ports)}, allowed)
    return _edit(environment, edit, seen, context)


def _ports(fresh: Environment, ports: Sequence[Port]) -> list[Mapping[str, Any]]:
    """As Ona has them, in its order, with what is to change; new ones last."""
    rows = {as_number(row.fields.get("port")): row.fields for row in reversed(Part(fresh.spec).parts("ports"))}
    places = {number: place for place, number in enumerate(reversed(rows))}
    origins = [(port, port.was if port.was in rows else port.port) for port in ports]
    origins.sort(key=lambda each: places.get(each[1], len(places)))
    return [_port(rows.get(origin, {}), port) for port, origin in origins]


def limit_ports(*, environment: Environment, admission: str, **context: Unpack[RequestContext]) -> Operation:
    """Every shared port that is open to more people than `admission` (ADMISSION_LEVEL_…) is open to those alone."""
    narrow = policies.openness(admission)
    ports = [
        Port(**{**row, "admission": admission if policies.openness(row["admission"]) > narrow else row["admission"]})
        for row in parts.ports(environment)["ports"]
    ]
    after = {"ports": [port.values() for port in ports]}
    edit = Edit(LIMIT_PORTS, parts.PORTS, after, lambda fresh: {"ports": _ports(fresh, ports)})
    return _edit(environment, edit, None, context)


def _port(row: Mapping[str, Any], port: Port) -> Mapping[str, Any]:
    """The row with the port's values; unspecified ones are left out, as Ona leaves them out."""
    values = port.values()
    return {name: value for name, value in row.items() if name not in values} | {
        name: value for name, value in values.items() if value != ""
    }


def edit_timeout(
    *, environment: Environment, disconnected: timedelta, seen: Seen | None = None, **context: Unpack[RequestContext]
) -> Operation:
    """The time without use after which it stops: zero for never, else at least half an hour."""

    def allowed(fresh: Environment) -> None:
        if why := policies.refused_timeout(disconnected, policies.organization_of(fresh)):
            raise NotPossible(why)

    after = {"disconnected": disconnected}
    return _edit(
        environment, Edit(TIMEOUT, parts.TIMEOUT, after, lambda fresh: {"timeout": after}, allowed), seen, context
    )


def edit_git(
    *, environment: Environment, username: str, email: str, seen: Seen | None = None, **context: Unpack[RequestContext]
) -> Operation:
    """The name and e-mail of commits; "" takes one away."""
    after = {"gitUsername": username, "gitEmail": email}

    def spec(fresh: Environment) -> Mapping[str, Any]:
        now = parts.git(fresh)
        return {"content": {name: text for name, text in after.items() if text != now[name]} or after}

    return _edit(environment, Edit(GIT, parts.GIT, after, spec), seen, context)


def edit_ssh_keys(
    *,
    environment: Environment,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    seen: Seen | None = None,
    **context: Unpack[RequestContext],
) -> Operation:
    """`add` public keys (OpenSSH lines) and `remove` those with these ids: at Ona this is a patch by id."""
    seen = seen or Seen.of(environment, parts.ssh_keys)
    new = [{"id": str(uuid.uuid4()), "value": value} for value in add]
    kept = [key for key in seen.values["sshPublicKeys"] if key["id"] not in remove]
    patch = {"sshPublicKeys": [*({"id": identity} for identity in remove), *new]}
    edit = Edit(SSH_KEYS, parts.SSH_KEYS, {"sshPublicKeys": parts.by_id([*kept, *new])}, lambda fresh: patch)
    return _edit(environment, edit, seen, context)


def edit_devcontainer(
    *,
    environment: Environment,
    path: str,
    rebuild: bool = False,
    seen: Seen | None = None,
    **context: Unpack[RequestContext],
) -> Operation:
    """The devcontainer file's path in the repository; only `rebuild` builds the container anew, and wants a reason."""
    after = {"devcontainerFilePath": path}
    session = {"session": str(uuid.uuid4())} if rebuild else {}

    def spec(fresh: Environment) -> Mapping[str, Any]:
        is_same = bool(rebuild) and parts.devcontainer(fresh) == after
        return {"devcontainer": session if is_same else {**after, **session}}

    if rebuild:
        return _edit(
            environment,
            Edit(REBUILD, parts.REBUILD, {**after, "devcontainerSession": session["session"]}, spec),
            seen or Seen.of(environment, parts.devcontainer_with_session),
            context,
        )
    return _edit(environment, Edit(DEVCONTAINER, parts.DEVCONTAINER, after, spec), seen, context)


def rebuild_devcontainer(*, environment: Environment, **context: Unpack[RequestContext]) -> Operation:
    """Build the devcontainer anew, from the file that it has."""
    path = parts.devcontainer(environment)["devcontainerFilePath"]
    return edit_devcontainer(environment=environment, path=path, rebuild=True, **context)


def edit_automations_file(
    *, environment: Environment, path: str, seen: Seen | None = None, **context: Unpack[RequestContext]
) -> Operation:
    """The automations file's path in the repository."""
    after = {"automationsFilePath": path}
    edit = Edit(AUTOMATIONS_FILE, parts.AUTOMATIONS_FILE, after, lambda fresh: {"automationsFile": after})
    return _edit(environment, edit, seen, context)


def make_content_anew(
    *, environment: Environment, seen: Seen | None = None, **context: Unpack[RequestContext]
) -> Operation:
    """A new session for the content, which is then fetched again as its initializer says: work in it is lost."""
    session = str(uuid.uuid4())
    edit = Edit(CONTENT, parts.CONTENT, {"contentSession": session}, lambda fresh: {"content": {"session": session}})
    return _edit(environment, edit, seen, context)


def edit_kernel_controls(
    *,
    environment: Environment,
    enabled: bool,
    action: str,
    denylist: Sequence[str],
    seen: Seen | None = None,
    **context: Unpack[RequestContext],
) -> Operation:
    """Which programs the kernel refuses, and how (KERNEL_CONTROLS_ACTION_…); Ona replaces the whole configuration."""
    after: PartValues = {"enabled": enabled, "action": action, "denylist": list(denylist)}

    def spec(fresh: Environment) -> Mapping[str, Any]:
        config = Part(fresh.spec).part("kernelControlsConfig")
        veto = config.part("veto")
        rule = veto.part("exec").fields | after
        sent = {name: value for name, value in rule.items() if name != "action" or value}
        return {"kernelControlsConfig": {**config.fields, "veto": {**veto.fields, "exec": sent}}}

    return _edit(environment, Edit(KERNEL_CONTROLS, parts.KERNEL_CONTROLS, after, spec), seen, context)


def _edit(environment: Environment, edit: Edit, seen: Seen | None, context: RequestContext) -> Operation:
    values = edit.part.values
    was = seen or Seen.of(environment, values)

    def check() -> None:
        _refuse_conflict(was, values(environment), edit.after, int(environment.spec_version))
        edit.allowed(environment)

    return change_environment(
        edit.action, environment,
        lambda ona: ona.update_environment(environment.pk, spec=plain(edit.spec(environment))), context,
        request=lambda: {"environmentId": environment.pk, "spec": edit.spec(environment)},
        values=with_version(values), after=edit.after, check=check,
    )  # fmt: skip


def _refuse_conflict(seen: Seen, theirs: Mapping[str, Any], mine: Mapping[str, Any], now: int) -> None:
    """Conflict where Ona's version is newer and the part neither as it was seen nor as it is requested."""
    before = {name: seen.values.get(name) for name in theirs}
    if now > seen.version and plain(theirs) not in (plain(before), plain(mine)):
        raise Conflict(mine, theirs, before)


def _action(part: str, label: str, edited: EditedPart, **more: Any) -> Action:
    values: dict[str, Any] = {
        "name": f"environment.edit_{part}", "label": label, "past": f"{label} changed",
        "in_ledger": f"change {label[0].lower()}{label[1:]} of environment",
        "permission": CHANGE, "part": edited, "proof": by_state(with_version(edited.values), "specVersion"),
        "template": "environments/actions/edit/_panel.html", "button": "Save",
    }  # fmt: skip
    return Action(**values | more)


def _seen(operation: Operation) -> Seen:
    """What the operation left: where that was changed since, nothing is sent."""
    return Seen(int(operation.after.get("specVersion", operation.before["specVersion"])), operation.after)


def _timeout_words(operation: Operation) -> str:
    timeout = as_duration(operation.before["disconnected"])
    return f"timeout {duration_words(timeout) if timeout else 'never'}"


TIMEOUT_BEFORE = Inverse(
    do=edit_timeout,
    arguments=lambda operation: {
        "disconnected": as_duration(operation.before["disconnected"]), "seen": _seen(operation),
    },
    words=_timeout_words,
    impossible=lambda operation: (
        "It had no timeout of its own, and Ona cannot remove one."
        if operation.before["disconnected"] is None else ""
    ),
)  # fmt: skip
PORTS_BEFORE = Inverse(
    do=edit_ports,
    arguments=lambda operation: {
        "ports": [Port(**row) for row in operation.before["ports"]], "seen": _seen(operation),
    },
    words=lambda operation: ", ".join(
        f"{row['port']} {enum_label(row['admission'])}" for row in operation.before["ports"]
    ),
)  # fmt: skip
PORTS = _action(
    "ports", "Ports", parts.PORTS, do=edit_ports, slug="edit/ports", form=PortsForm,
    template="environments/actions/edit/ports.html",
)  # fmt: skip
TIMEOUT = _action(
    "timeout", "Timeout", parts.TIMEOUT, do=edit_timeout, slug="edit/timeout", form=TimeoutForm,
    title="Inactivity timeout", many=Many(
        "Set timeout", "of", lambda request: {"disconnected": chosen_duration(request["values"]["timeout"])},
        {"timeout": timeout_field}, inverse=TIMEOUT_BEFORE,
    ),
)  # fmt: skip
LIMIT_PORTS = _action(
    "port_limits", "Port limits", parts.PORTS, do=limit_ports, past="ports limited",
    in_ledger="limit ports of environment", many=Many(
        "Limit ports", "of", lambda request: {"admission": request["values"]["admission"]},
        {"admission": admission_field}, inverse=PORTS_BEFORE,
    ),
)  # fmt: skip
GIT = _action(
    "git", "Git identity", parts.GIT, do=edit_git, slug="edit/git", form=GitForm, title="Git name and e-mail",
    tab="content",
)  # fmt: skip
SSH_KEYS = _action(
    "ssh_keys", "SSH keys", parts.SSH_KEYS, do=edit_ssh_keys, slug="edit/ssh-keys", form=SSHKeysForm,
    in_ledger="change SSH keys of environment", tab="access", template="environments/actions/edit/ssh_keys.html",
)  # fmt: skip
DEVCONTAINER = _action(
    "devcontainer", "Devcontainer", parts.DEVCONTAINER, do=edit_devcontainer, slug="edit/devcontainer",
    form=DevcontainerForm, title="Devcontainer file", tab="content",
)  # fmt: skip
REBUILD = _action(
    "devcontainer_session", "Devcontainer rebuild", parts.REBUILD, do=rebuild_devcontainer, danger=Danger.REASON,
    in_ledger="rebuild devcontainer of environment", many=Many("Rebuild devcontainer", "of"),
)  # fmt: skip
AUTOMATIONS_FILE = _action(
    "automations_file", "Automations file", parts.AUTOMATIONS_FILE, do=edit_automations_file,
    slug="edit/automations-file", form=AutomationsFileForm, tab="content",
)  # fmt: skip
CONTENT = _action(
    "content_session", "Content re-created", parts.CONTENT, do=make_content_anew, slug="edit/content", form=ContentForm,
    in_ledger="re-create content of environment", danger=Danger.TYPED_NAME, losses=losses, tab="content",
    title="Re-create the content of", button="Delete and fetch again",
    explanation="Everything in the environment's repository folder is deleted and fetched again from its source."
    " Unpushed commits and changed files are lost permanently, and the container is rebuilt.",
)  # fmt: skip
KERNEL_CONTROLS = _action(
    "kernel_controls", "Kernel controls", parts.KERNEL_CONTROLS, do=edit_kernel_controls, slug="edit/kernel-controls",
    form=KernelControlsForm, danger=Danger.REASON, title="Kernel controls: programs", tab="access",
)  # fmt: skip
ACTIONS = (
    PORTS, LIMIT_PORTS, TIMEOUT, GIT, SSH_KEYS, DEVCONTAINER, REBUILD, AUTOMATIONS_FILE, CONTENT, KERNEL_CONTROLS,
)  # fmt: skip
