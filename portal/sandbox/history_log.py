"""Every change of every environment since a world began: for tests, and to fill the portal's tables from.

A change is stored as it was made, some hundred bytes; documents are rebuilt on request.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, NamedTuple

import msgspec

from portal.sandbox.audit_log import AuditLog
from portal.sandbox.documents import Document, datetime_of, instant_of, merge, micros, pruned

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
_COMPONENTS = ("machine", "content", "devcontainer", "automationsFile")
Part = Mapping[str, Any] | None


def apply(document: Document, metadata: Part, spec: Part, status: Part) -> None:
    """Merge changes into an environment's parts (None removes a field) and raise the versions of those touched."""
    merge(document["metadata"], metadata or {})
    for part, version, changes in (("spec", "specVersion", spec), ("status", "statusVersion", status)):
        if changes:
            merge(document[part], changes)
            document[part][version] = str(int(document[part].get(version, "0")) + 1)


class Facts(NamedTuple):
    """An environment at one time: enums and durations as Ona writes them, "" where absent; times aware or None."""

    document: Document
    name: str
    phase: str
    machine: str
    content: str
    devcontainer: str
    automations: str
    failures: tuple[str, ...]  # the environment's own, then each component's with its name before it
    desired_phase: str
    timeout: str
    spec_version: int
    status_version: int
    active_at: datetime | None
    archived_at: datetime | None
    lockdown_at: datetime | None


class Interval(NamedTuple):
    """For how long a fact had one value; `end` is None where it still has."""

    begin: datetime
    end: datetime | None
    value: Any


class Specification(NamedTuple):
    """One version: since when, which fields changed, and the actor's id; "" for Ona's own changes, None at first."""

    at: datetime
    version: int
    fields: tuple[str, ...]
    by: str | None


class Policies(NamedTuple):
    """The organization's policies since `at`."""

    at: datetime
    document: Document


def _time(text: str) -> datetime | None:
    return datetime_of(instant_of(text)) if text else None


def _failures(document: Document) -> tuple[str, ...]:
    status = document["status"]
    components = {name: status.get(name, {}) for name in _COMPONENTS}
    components |= {f"secret {each['id']}": each for each in status.get("secrets", [])}
    messages = [(name, each.get("failureMessage", "")) for name, each in components.items()]
    return (*status.get("failureMessage", []), *(f"{name}: {text}" for name, text in messages if text))


def _phase(component: str) -> Callable[[Document], str]:
    return lambda document: document["status"].get(component, {}).get("phase", "")


FIELDS: Mapping[str, Callable[[Document], Any]] = {
    "document": pruned,
    "name": lambda document: document["metadata"].get("name", ""),
    "phase": lambda document: document["status"].get("phase", ""),
    "machine": _phase("machine"),
    "content": _phase("content"),
    "devcontainer": _phase("devcontainer"),
    "automations": _phase("automationsFile"),
    "failures": _failures,
    "desired_phase": lambda document: document["spec"].get("desiredPhase", ""),
    "timeout": lambda document: document["spec"].get("timeout", {}).get("disconnected", ""),
    "spec_version": lambda document: int(document["spec"].get("specVersion", "0")),
    "status_version": lambda document: int(document["status"].get("statusVersion", "0")),
    "active_at": lambda document: _time(document["status"].get("activitySignal", {}).get("timestamp", "")),
    "archived_at": lambda document: _time(document["metadata"].get("archivedAt", "")),
    "lockdown_at": lambda document: _time(document["metadata"].get("lockdownAt", "")),
}


@dataclass(slots=True)
class Life:
    """One environment: the document it appeared with, what changed it, and when it was deleted. Instants in µs."""

    begin: int
    body: bytes
    changes: list[tuple[int, bytes]] = field(default_factory=list)
    end: int | None = None

    def states(self) -> Iterator[tuple[int, Document]]:
        """Each state with the instant it began at, the last where several did. Read it before going on: it changes."""
        since, document = self.begin, _decode(self.body)
        for at, body in self.changes:
            if at > since:
                yield since, document
                since = at
            apply(document, *_decode(body))
        if self.end is None or self.end > since:
            yield since, document

    def ends(self) -> list[float]:
        """When each of the states ended, in µs."""
        begun = sorted({at for at, _ in self.changes if at > self.begin})
        return [*begun, inf if self.end is None else self.end]


class Truth:
    """Of one world, from its creation on: `lives` by environment, and the organization's policies."""

    def __init__(self, begin: int, policies: Document, audit: AuditLog) -> None:
        self.begin = begin
        self.lives: dict[str, Life] = {}
        self.policies = [Policies(datetime_of(begin), policies)]
        self._audit = audit

    # Writing

    def appeared(self, identifier: str, at: int, body: bytes) -> None:
        """A new environment, or one that was there when the world began."""
        self.lives[identifier] = Life(at, body)

    def changed(self, identifier: str, at: int, metadata: Part, spec: Part, status: Part) -> None:
        """A change as `apply` takes it."""
        self.lives[identifier].changes.append((at, _encode((metadata, spec, status))))

    def deleted(self, identifier: str, at: int) -> None:
        """The environment is deleted."""
        self.lives[identifier].end = at

    def decided(self, at: int, policies: Document) -> None:
        """The organization has other policies from now on."""
        self.policies.append(Policies(datetime_of(at), policies))

    # Reading

    def at(self, environment_id: str, when: datetime) -> Facts | None:
        """An environment as of a time, changes at exactly this time included; None where it did not exist."""
        instant = micros(when)
        life = self.lives.get(environment_id)
        if life is None or not _existed(life, instant):
            return None
        document: Document = _decode(life.body)
        for at, body in life.changes:
            if at > instant:
                break
            apply(document, *_decode(body))
        document = pruned(document)
        return Facts(**{name: read(document) for name, read in FIELDS.items()})

    def environments_at(self, when: datetime) -> set[str]:
        """The ids of the environments that Ona would have listed at this time."""
        instant = micros(when)
        return {identifier for identifier, life in self.lives.items() if _existed(life, instant)}

    def intervals(self, environment_id: str, name: str) -> list[Interval]:
        """Every value that a field of Facts had, in order and without gaps, until the environment was deleted.

        Raises KeyError for an unknown environment or field.
        """
        life, read = self.lives[environment_id], FIELDS[name]
        begun: list[tuple[int, Any]] = []
        for at, document in life.states():
            value = read(document)
            if not begun or begun[-1][1] != value:
                begun.append((at, value))
        ends = [*(at for at, _ in begun[1:]), life.end][: len(begun)]
        return [
            Interval(datetime_of(at), None if end is None else datetime_of(end), value)
            for (at, value), end in zip(begun, ends, strict=True)
        ]

    def specifications(self, environment_id: str) -> list[Specification]:
        """Every version of an environment's specification, the oldest first."""
        life = self.lives[environment_id]
        version = FIELDS["spec_version"](_decode(life.body))
        versions = [Specification(datetime_of(life.begin), version, (), None)]
        for at, body in life.changes:
            _, spec, _ = _decode(body)
            if spec:
                version += 1
                by = self._audit.actor(environment_id, at)
                versions.append(Specification(datetime_of(at), version, tuple(sorted(spec)), by))
        return versions

    def policies_at(self, when: datetime) -> Document:
        """The organization's policies at a time; the first recorded for one before."""
        place = bisect_right([each.at for each in self.policies], when)
        return self.policies[max(place - 1, 0)].document


def _existed(life: Life, instant: int) -> bool:
    return life.begin <= instant and (life.end is None or instant < life.end)
