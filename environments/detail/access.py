"""What an environment's page shows of secrets, SSH keys and kernel controls, read from its document.

As in `environments.detail.sections`: pure functions that never raise on odd documents.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from environments.detail.fields import NOT_SET, Document, Fact
from environments.documents.json_part import Part
from environments.documents.labels import enum_label

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
    """What the running environment has of a secret."""

    phase: str = ""
    failure: str = ""
    warning: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Proxy:
    """Requests to these hosts get the value in this header on their way out; the environment never has it."""

    hosts: list[str]
    header: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret by name. Its value is not part of the document and is never shown."""

    id: str
    name: str
    mounts: list[tuple[str, str]] = field(default_factory=list)
    scope: str = ""
    source: str = ""
    proxy: Proxy | None = None
    details: list[Fact] = field(default_factory=list)
    in_spec: bool = True
    state: SecretState | None = None


@dataclass(frozen=True, slots=True)
class SSHKey:
    id: str
    kind: str
    shortened: str
    comment: str
    phase: str


@dataclass(frozen=True, slots=True)
class FileRule:
    path: str
    surface: str
    effect: str
    tracked: bool | None


def secrets(document: Document) -> list[Secret]:
    """The secrets of the specification with their state; a state is matched by id, else by name."""
    states = document.status.parts("secrets")
    rows, taken = [], set()
    for entry in document.spec.parts("secrets"):
        position = _state_of(entry, states)
        taken.add(position)
        rows.append(_secret(entry, None if position is None else states[position]))
    left = [state for position, state in enumerate(states) if position not in taken]
    return rows + [Secret(s.text("id"), s.text("secretName"), in_spec=False, state=_state(s)) for s in left]


def _state_of(entry: Part, states: list[Part]) -> int | None:
    for ours, theirs in (("id", "id"), ("name", "secretName")):
        wanted = entry.text(ours)
        for position, state in enumerate(states):
            if wanted and state.text(theirs) == wanted:
                return position
    return None


def _state(state: Part) -> SecretState:
    texts = (state.text(name) for name in ("phase", "failureMessage", "warningMessage", "session"))
    return SecretState(*texts)


def _secret(entry: Part, state: Part | None) -> Secret:
    mounts = [(kind, entry.text(name)) for name, kind in MOUNTS.items() if entry.text(name)]
    if entry.flag("apiOnly"):
        mounts.append((API_ONLY, ""))
    return Secret(
        id=entry.text("id"),
        name=entry.text("name"),
        mounts=mounts,
        scope=enum_label(entry.text("scope")),
        source=entry.text("source"),
        proxy=_proxy(entry.part("credentialProxy")),
        details=[fact for fact in _secret_details(entry) if not fact.is_absent],
        state=_state(state) if state is not None else None,
    )


def _proxy(part: Part) -> Proxy | None:
    hosts, header = part.texts("targetHosts"), part.text("header")
    return Proxy(hosts, header) if hosts or header else None


def _secret_details(entry: Part) -> list[Fact]:
    source = entry.part("sourceDetails")
    federation = source.part("oidcJfrog")
    return [
        Fact("Source reference", entry.text("sourceRef"), "code"),
        Fact("Given as text", "yes" if source.flag("verbatim") else ""),
        Fact("JFrog host", federation.text("host"), "code"),
        Fact("JFrog provider", federation.text("providerName")),
        Fact("Session", entry.text("session"), "code"),
    ]


def ssh_keys(document: Document) -> list[SSHKey]:
    phases = {entry.text("id"): entry.text("phase") for entry in document.status.parts("sshPublicKeys")}
    keys = [
        SSHKey(entry.text("id"), *_shorten(entry.text("value")), phase=phases.pop(entry.text("id"), ""))
        for entry in document.spec.parts("sshPublicKeys")
    ]
    return keys + [SSHKey(identity, "", "", "", phase) for identity, phase in phases.items()]


def _shorten(value: str) -> tuple[str, str, str]:
    """Type, ends and comment of an OpenSSH public key line; a text of another shape keeps its ends only."""
    words = value.split(maxsplit=2)
    kind, key, comment = (*words, "", "", "")[:3] if len(words) > 1 else ("", value.strip(), "")
    return kind, key if len(key) <= 24 else f"{key[:8]}…{key[-12:]}", comment


def exec_controls(document: Document) -> list[Fact]:
    """Which programs the kernel refuses (`Veto.Exec`); empty when the environment has no such policy."""
    rule = document.spec.part("kernelControlsConfig").part("veto").part("exec")
    if not rule.known:
        return []
    return [
        Fact("Enabled", rule.flag("enabled"), "flag"),
        Fact("Action", enum_label(rule.text("action")), absent=NOT_SET),
        Fact("Denied programs", rule.texts("denylist"), "list", "none listed"),
        Fact("Resolve bare names", rule.flag("resolveBareNames"), "flag"),
        Fact("Untouchable", rule.flag("untouchable"), "flag"),
        Fact("Watch", rule.flag("watch"), "flag"),
        Fact("Deny block devices", rule.flag("denyBlockDevices"), "flag"),
    ]


def file_controls(document: Document) -> tuple[list[Fact], list[FileRule]]:
    """Which files the kernel guards (`Veto.File`): the policy, and its rules by path."""
    rule = document.spec.part("kernelControlsConfig").part("veto").part("file")
    if not rule.known:
        return [], []
    paths, devices, supervisor = rule.part("paths"), rule.part("blockDevices"), rule.part("supervisorProtection")
    facts = [
        Fact("Enabled", rule.flag("enabled"), "flag"),
        Fact("Default surface", enum_label(paths.text("defaultSurface")), absent=NOT_SET),
        Fact("Default effect", enum_label(paths.text("defaultEffect")), absent=NOT_SET),
        Fact("Block devices guarded", devices.flag("enabled"), "flag"),
        Fact("Block devices action", enum_label(devices.text("action")), absent=NOT_SET),
        Fact("Supervisor protected", supervisor.flag("enabled") if "enabled" in supervisor else None, "flag", NOT_SET),
        Fact("Supervisor effect", enum_label(supervisor.text("effect")), absent=NOT_SET),
    ]
    return facts, [_file_rule(entry) for entry in paths.parts("entries")]


def _file_rule(entry: Part) -> FileRule:
    surface, effect = enum_label(entry.text("surface")), enum_label(entry.text("effect"))
    return FileRule(entry.text("path"), surface, effect, entry.flag("trackChanges"))


def kernel(document: Document) -> list[Fact]:
    config = document.spec.part("kernelControlsConfig")
    return [
        Fact("Security policy id", document.spec.text("securityPolicyId"), "code", NOT_SET),
        Fact("BPF debug level", enum_label(config.text("bpfDebugLevel")), absent=NOT_SET),
    ]
