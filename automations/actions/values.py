"""Values of services and tasks as requests name them, for the ledger's before and after and for proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automations.models import Service, Task
from portal.ledger.recording import NOT_KEPT

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
    """A request's message as the ledger keeps it: variables by name and by where their value comes from, never by
    value; those of a container (RunsOn.Docker.environment, "NAME=value") likewise."""
    return {name: _spoken(name, value) for name, value in message.items()}


def _spoken(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return spoken(value)
    if name == "env" and isinstance(value, Sequence):
        return [_variable(item) for item in value]
    if name == "environment" and isinstance(value, Sequence) and not isinstance(value, str):
        return [_assignment(str(item)) for item in value]
    return value


def _variable(item: Mapping[str, Any]) -> dict[str, Any]:
    kept = {"name": item.get("name", "")}
    return kept | ({"valueFrom": item["valueFrom"]} if "valueFrom" in item else {"value": NOT_KEPT})


def _assignment(text: str) -> str:
    name, is_given, _ = text.partition("=")
    return f"{name}={NOT_KEPT}" if is_given else name


def _plain(name: str, value: Any) -> Any:
    """As the ledger keeps it, so that what means the same compares equal: nothing is None."""
    if name == "triggeredBy" and isinstance(value, Mapping):  # an update wraps the list
        value = value.get("trigger", [])
    if name == "runsOn" and isinstance(value, Mapping):
        value = {kind: _given(target) for kind, target in value.items()}
    value = _spoken(name, value)
    return None if is_nothing(value) else value


def _given(target: Any) -> Any:
    return (
        {name: each for name, each in target.items() if not is_nothing(each)} if isinstance(target, Mapping) else target
    )


def is_nothing(value: Any) -> bool:
    """Whether Ona leaves it out of its answers: the default of its kind."""
    return value is None or value is False or (isinstance(value, (str, Sequence, Mapping)) and not value)
