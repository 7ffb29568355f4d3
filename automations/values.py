"""Values of services and tasks as requests name them, for the ledger's before and after and for proofs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automations.models import Service, Task

KEPT_WHOLE = ("triggeredBy", "runsOn", "env")


def document_of(subject: Service | Task) -> dict[str, Any]:
    """What Ona has, in the shape of an update's message."""
    document = {"metadata": subject.metadata, "spec": subject.spec}
    if isinstance(subject, Task):
        document["dependsOn"] = [str(id_) for id_ in subject.depends_on]
    return document


def chosen(document: Mapping[str, Any], like: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `document` that `like` names, flat: {"metadata.name": …, "spec.commands.start": …}."""
    found: dict[str, Any] = {}
    for name, value in like.items():
        own = document.get(name)
        if isinstance(value, Mapping) and value and name not in KEPT_WHOLE:
            inner = chosen(own if isinstance(own, Mapping) else {}, value)
            found |= {f"{name}.{key}": each for key, each in inner.items()}
        elif not isinstance(value, Mapping) or name in KEPT_WHOLE:
            found[name] = _plain(name, own)
    return found


def spoken(message: Mapping[str, Any]) -> dict[str, Any]:
    """A request's message as the ledger keeps it: without the values of variables."""
    kept = {key: spoken(value) if isinstance(value, Mapping) else value for key, value in message.items()}
    return kept | ({"env": [_variable(each) for each in message["env"]]} if message.get("env") else {})


def _plain(name: str, value: Any) -> Any:
    """As the ledger keeps it: variables by name and by where their value comes from, never by value."""
    if name == "triggeredBy" and isinstance(value, Mapping):  # an update wraps the list
        value = value.get("trigger", [])
    if name == "env":
        return [_variable(each) for each in value or []]
    return value if value not in ("", [], {}, False) else None


def _variable(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"name": item.get("name", "")}
    if "valueFrom" in item:
        return kept | {"valueFrom": item["valueFrom"]}
    return kept | {"value": "[not kept]"}
