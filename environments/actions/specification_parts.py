"""The parts of an environment's specification as people edit them: plain values, read from the document as Ona has it.

What Ona leaves out reads as the default it stands for, and lists are in an order of their own, so that values compare
equal where they mean the same. Enum values stay as Ona names them; "" is unspecified.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from environments.detail.fields import Document
from environments.documents.json_part import Part, as_number
from environments.models import Environment

PartValues = dict[str, Any]
Values = Callable[[Environment], PartValues]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a form was made from: the specification's version then, and the values of its part."""

    version: int
    values: Mapping[str, Any]

    @classmethod
    def of(cls, environment: Environment, values: Values) -> Self:
        """As the portal knows the environment now."""
        return cls(int(environment.spec_version), values(environment))


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
