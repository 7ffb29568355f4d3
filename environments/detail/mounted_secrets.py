"""The secrets in an environment's document. Pure; odd documents never raise."""

from __future__ import annotations

from dataclasses import dataclass, field

from environments.detail.fields import Fact
from environments.documents.json_part import Document, Part
from portal.web.enum_labels import enum_label

REGISTRY = "containerRegistryBasicAuthHost"
MOUNTS = {
    "filePath": "file",
    "environmentVariable": "environment variable",
    "gitCredentialHost": "git credentials of",
    REGISTRY: "container registry login of",
}
API_ONLY = "not mounted, API only"


@dataclass(frozen=True, slots=True)
class SecretState:
    """The state of a secret in the running environment."""

    phase: str = ""
    failure: str = ""
    warning: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class CredentialProxy:
    """Outgoing requests to these hosts get the value in this header; the environment itself never has it."""

    hosts: list[str]
    header: str


@dataclass(frozen=True, slots=True)
class MountedSecret:
    """A secret by name; the document does not include its value."""

    id: str
    name: str
    mounts: list[tuple[str, str]] = field(default_factory=list)
    scope: str = ""
    source: str = ""
    proxy: CredentialProxy | None = None
    details: list[Fact] = field(default_factory=list)
    in_spec: bool = True
    state: SecretState | None = None


def mounted_secrets(document: Document) -> list[MountedSecret]:
    """The secrets of the specification with their states, matched by id, else by name; then states without a secret."""
    states = document.status.parts("secrets")
    rows, taken = [], set()
    for entry in document.spec.parts("secrets"):
        position = _state_of(entry, states)
        taken.add(position)
        rows.append(_secret(entry, None if position is None else states[position]))
    left = [state for position, state in enumerate(states) if position not in taken]
    return rows + [MountedSecret(s.text("id"), s.text("secretName"), in_spec=False, state=_state(s)) for s in left]


def _state_of(entry: Part, states: list[Part]) -> int | None:
    for ours, theirs in (("id", "id"), ("name", "secretName")):
        value = entry.text(ours)
        for position, state in enumerate(states):
            if value and state.text(theirs) == value:
                return position
    return None


def _state(state: Part) -> SecretState:
    texts = (state.text(name) for name in ("phase", "failureMessage", "warningMessage", "session"))
    return SecretState(*texts)


def _secret(entry: Part, state: Part | None) -> MountedSecret:
    mounts = [(kind, entry.text(name)) for name, kind in MOUNTS.items() if entry.text(name)]
    if entry.flag("apiOnly"):
        mounts.append((API_ONLY, ""))
    return MountedSecret(
        id=entry.text("id"),
        name=entry.text("name"),
        mounts=mounts,
        scope=enum_label(entry.text("scope")),
        source=entry.text("source"),
        proxy=_proxy(entry.part("credentialProxy")),
        details=[fact for fact in _secret_details(entry) if not fact.is_absent],
        state=_state(state) if state is not None else None,
    )


def _proxy(part: Part) -> CredentialProxy | None:
    hosts, header = part.texts("targetHosts"), part.text("header")
    return CredentialProxy(hosts, header) if hosts or header else None


def _secret_details(entry: Part) -> list[Fact]:
    source = entry.part("sourceDetails")
    federation = source.part("oidcJfrog")
    return [
        Fact("Source reference", entry.text("sourceRef"), "code"),
        Fact("Provided as text", "yes" if source.flag("verbatim") else ""),
        Fact("JFrog host", federation.text("host"), "code"),
        Fact("JFrog provider", federation.text("providerName")),
        Fact("Session", entry.text("session"), "code"),
    ]
