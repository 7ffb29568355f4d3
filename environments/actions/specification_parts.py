"""The parts of an environment's specification as people edit them: plain values, read from the document as Ona has it.

What Ona leaves out reads as the default it stands for, and lists are in an order of their own, so that values compare
equal where they mean the same. Enum values stay as Ona names them; "" is unspecified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from environments.documents.json_part import Document, Part, as_duration, as_number
from environments.models import Environment
from portal.ledger.models import Operation

PartValues = dict[str, Any]
Values = Callable[[Environment], PartValues]
READY = "CONTENT_PHASE_READY"
CONTAINER_RUNS = "PHASE_RUNNING"
LAST_PORT = "The last shared port cannot be removed: Ona ignores an empty list. Open it to its owner only instead."


@dataclass(frozen=True, slots=True)
class Seen:
    """What a form was made from: the specification's version then, and the values of its part."""

    version: int
    values: Mapping[str, Any]

    @classmethod
    def of(cls, environment: Environment, values: Values) -> Self:
        """As the portal knows the environment now."""
        return cls(int(environment.spec_version), values(environment))


Applied = Callable[[Document, Operation], bool | None]


def _untold(document: Document, operation: Operation) -> bool | None:
    return None


@dataclass(frozen=True, slots=True)
class EditedPart:
    """What an edit changes: the `values` as Ona has them, of which `before`, `after` and the proof of a lost answer are
    made; and whether the runner's status shows that it is `applied` (None: it does not; `unless_told` says when it is).

    `renewed`, of what an edit makes anew: its part of the status, the field there that tells of the edit, and that
    field's name in `after`.
    """

    values: Values
    applied: Applied = _untold
    renewed: tuple[str, str, str] = ("", "", "")
    unless_told: str = "Ona does not report when this part is applied."


@dataclass(frozen=True, slots=True)
class Port:
    """A shared port; `was` is the number it had where that is to change."""

    port: int
    name: str
    protocol: str
    admission: str
    was: int | None = None

    def values(self) -> PartValues:
        """As `ports` reads it back."""
        return {"port": self.port, "name": self.name, "protocol": self.protocol, "admission": self.admission}


def ports(environment: Environment) -> PartValues:
    """{"ports": [{port, name, protocol, admission}]}, by number."""
    return {"ports": in_order(_port(entry) for entry in _spec(environment).parts("ports"))}


def in_order(rows: Any) -> list[PartValues]:
    """Ports by number, those without a readable one last."""
    return sorted(rows, key=lambda row: (row["port"] is None, row["port"] or 0))


def _port(entry: Part) -> PartValues:
    return {
        "port": as_number(entry.fields.get("port")),
        "name": entry.text("name"),
        "protocol": enum(entry, "protocol"),
        "admission": enum(entry, "admission"),
    }


def enum(part: Part, name: str) -> str:
    """An enum's value as Ona names it; "" where it is absent or unspecified."""
    value = part.text(name)
    return "" if value.endswith("_UNSPECIFIED") else value


def timeout(environment: Environment) -> dict[str, timedelta | None]:
    """{"disconnected": …}: None where it sets none of its own, zero for never."""
    return {"disconnected": _spec(environment).part("timeout").duration("disconnected")}


def git(environment: Environment) -> PartValues:
    """{"gitUsername": …, "gitEmail": …}; "" where not set."""
    content = _spec(environment).part("content")
    return {name: content.text(name) for name in ("gitUsername", "gitEmail")}


def ssh_keys(environment: Environment) -> PartValues:
    """{"sshPublicKeys": [{id, value}]}, by id."""
    keys = _spec(environment).parts("sshPublicKeys")
    return {"sshPublicKeys": by_id({"id": key.text("id"), "value": key.text("value")} for key in keys)}


def by_id(keys: Any) -> list[PartValues]:
    """SSH keys in the order of their ids."""
    return sorted(keys, key=lambda key: str(key["id"]))


def devcontainer(environment: Environment) -> PartValues:
    """{"devcontainerFilePath": …}; "" where Ona finds the file by itself."""
    return {"devcontainerFilePath": _spec(environment).part("devcontainer").text("devcontainerFilePath")}


def devcontainer_with_session(environment: Environment) -> PartValues:
    """The same with {"devcontainerSession": …}, which is another one after each rebuild."""
    session = _spec(environment).part("devcontainer").text("session")
    return {**devcontainer(environment), "devcontainerSession": session}


def automations_file(environment: Environment) -> PartValues:
    """{"automationsFilePath": …}; "" where Ona finds the file by itself."""
    return {"automationsFilePath": _spec(environment).part("automationsFile").text("automationsFilePath")}


def content(environment: Environment) -> PartValues:
    """{"contentSession": …}, which is another one each time the content is made anew."""
    return {"contentSession": _spec(environment).part("content").text("session")}


def kernel_controls(environment: Environment) -> PartValues:
    """{"enabled": …, "action": …, "denylist": […]} of the policy for programs (Veto.Exec)."""
    rule = _spec(environment).part("kernelControlsConfig").part("veto").part("exec")
    return {"enabled": bool(rule.flag("enabled")), "action": enum(rule, "action"), "denylist": rule.texts("denylist")}


def _spec(environment: Environment) -> Part:
    return Document(environment).spec


# Whether the status shows that an edit is applied.


def _ports_applied(document: Document, operation: Operation) -> bool | None:
    urls = document.status.part("environmentUrls").parts("ports")
    return {port.count("port") for port in urls} == {port.get("port") for port in operation.after["ports"]}


def _timeout_applied(document: Document, operation: Operation) -> bool | None:
    machine = as_duration(document.status.part("machine").text("timeout"))
    return None if machine is None else machine == as_duration(operation.after["disconnected"])


def _keys_applied(document: Document, operation: Operation) -> bool | None:
    ready = {key.text("id") for key in document.status.parts("sshPublicKeys") if key.text("phase") == READY}
    return ready == {key["id"] for key in operation.after["sshPublicKeys"]}


def _devcontainer_file_applied(document: Document, operation: Operation) -> bool | None:
    used = document.status.part("devcontainer").text("devcontainerFilePath")
    return True if used == operation.after["devcontainerFilePath"] else None


def _rebuilt(document: Document, operation: Operation) -> bool | None:
    container = document.status.part("devcontainer")
    is_new = container.text("session") == operation.after["devcontainerSession"]
    return is_new and container.text("phase") == CONTAINER_RUNS


def _automations_file_applied(document: Document, operation: Operation) -> bool | None:
    asked, file = operation.after["automationsFilePath"], document.status.part("automationsFile")
    if not asked:
        return None  # Ona finds one by itself
    return file.text("automationsFilePath") == asked and file.text("phase") == READY


def _content_applied(document: Document, operation: Operation) -> bool | None:
    part = document.status.part("content")
    return part.text("session") == operation.after["contentSession"] and part.text("phase") == READY


PORTS = EditedPart(ports, _ports_applied)
TIMEOUT = EditedPart(timeout, _timeout_applied)
GIT = EditedPart(git)
SSH_KEYS = EditedPart(ssh_keys, _keys_applied)
DEVCONTAINER = EditedPart(
    devcontainer,
    _devcontainer_file_applied,
    unless_told="The container still runs from the other file; the new one takes effect at the next rebuild.",
)
REBUILD = EditedPart(devcontainer_with_session, _rebuilt, ("devcontainer", "session", "devcontainerSession"))
AUTOMATIONS_FILE = EditedPart(
    automations_file, _automations_file_applied, ("automationsFile", "automationsFilePath", "automationsFilePath")
)
CONTENT = EditedPart(content, _content_applied, ("content", "session", "contentSession"))
KERNEL_CONTROLS = EditedPart(kernel_controls)
