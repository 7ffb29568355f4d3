"""The sections of an environment's page, from its document (GetEnvironment; `gitpod.v1.Environment`).

Pure functions: a document in, small frozen objects out. Odd documents never raise (`environments.documents.json_part`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from environments.detail.fields import NOT_SET, Fact, sessions
from environments.documents.json_part import Document, Part, as_duration, as_number
from portal.web.enum_labels import TRIGGERS, enum_label

CONTAINER_RUNS = "PHASE_RUNNING"
EVERYONE = "ADMISSION_LEVEL_EVERYONE"
NOT_OPEN = "requires a logs token"


@dataclass(frozen=True, slots=True)
class Component:
    """One component, from machine to automations: its phase as in Ona's answer, its failures and warnings."""

    name: str
    phase: str
    failures: list[str]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """How far the runner has come with the specification; whether it should be further: `not_in_sync_causes`."""

    spec_version: int | None
    runner_version: int | None
    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Port:
    number: int | None
    name: str
    protocol: str
    admission: str
    open_to_everyone: bool
    shared: bool
    url: str
    auth_nonce: str


@dataclass(frozen=True, slots=True)
class ChangedFile:
    kind: str
    path: str
    old_path: str


@dataclass(frozen=True, slots=True)
class Git:
    """Git state as last reported by the environment, at best effort; not `known` does not mean clean."""

    known: bool
    facts: list[Fact]
    commits: list[str]
    total_commits: int | None
    changes: list[ChangedFile]
    total_changes: int | None


@dataclass(frozen=True, slots=True)
class Initializer:
    kind: str
    facts: list[Fact]


@dataclass(frozen=True, slots=True)
class Timeout:
    """The inactivity after which the environment stops; None for the organization's default."""

    after: timedelta | None
    never: bool


def messages(document: Document) -> tuple[list[str], list[str]]:
    """Failures and warnings of the environment that none of its components repeats."""
    parts = components(document)
    failures = {text for part in parts for text in part.failures}
    warnings = {text for part in parts for text in part.warnings}
    return (
        [text for text in _texts_or_text(document.status, "failureMessage") if text not in failures],
        [text for text in _texts_or_text(document.status, "warningMessage") if text not in warnings],
    )


def components(document: Document) -> list[Component]:
    """Machine, content, devcontainer and automations file, in the order of startup."""
    names = {
        "machine": "Machine",
        "content": "Content",
        "devcontainer": "Devcontainer",
        "automationsFile": "Automations file",
    }
    found = []
    for key, name in names.items():
        part = document.status.part(key)
        failures = _texts_or_text(part, "failureMessage")
        found.append(Component(name, part.text("phase"), failures, _texts_or_text(part, "warningMessage")))
    return found


def acknowledgement(document: Document) -> Acknowledgement:
    """The runner's acknowledgement; one without a version has applied none (version 0)."""
    ack = document.status.part("runnerAck")
    wanted, applied = document.spec.count("specVersion"), ack.count("specVersion")
    return Acknowledgement(wanted, applied, enum_label(ack.text("statusCode")), ack.text("message"))


def timeout(document: Document) -> Timeout:
    after = document.spec.part("timeout").duration("disconnected")
    return Timeout(after, never=after == timedelta(0))


def ports(document: Document) -> list[Port]:
    """Shared ports with their URLs, by number; then URLs of ports that are not shared."""
    urls = {
        as_number(entry.fields.get("port")): entry.text("url")
        for entry in document.status.part("environmentUrls").parts("ports")
    }
    found = [_port(entry, urls) for entry in document.spec.parts("ports")]
    shared = {port.number for port in found}
    found += [Port(number, "", "", "", False, False, url, "") for number, url in urls.items() if number not in shared]
    return sorted(found, key=lambda port: (port.number is None, port.number or 0))


def _port(entry: Part, urls: dict[int | None, str]) -> Port:
    number, admission = as_number(entry.fields.get("port")), entry.text("admission")
    return Port(
        number=number,
        name=entry.text("name"),
        protocol=enum_label(entry.text("protocol")),
        admission=enum_label(admission),
        open_to_everyone=admission == EVERYONE,
        shared=True,
        url=urls.get(number, ""),
        auth_nonce=entry.text("authNonce"),
    )


def admission(document: Document) -> Fact:
    """Who can access the environment itself."""
    return Fact("Environment open to", enum_label(document.spec.text("admission")), absent=NOT_SET)


def addresses(document: Document) -> list[Fact]:
    """The URLs of logs, support bundle and so on. A browser cannot open those of logs: it has no token for them."""
    urls = document.status.part("environmentUrls")
    return [
        Fact("SSH", urls.part("ssh").text("url"), "code"),
        Fact("Logs", urls.text("logs"), "code", note=NOT_OPEN if urls.text("logs") else ""),
        Fact("Ops", urls.text("ops"), "link"),
        Fact("Support bundle", urls.text("supportBundle"), "code", note=NOT_OPEN if urls.text("supportBundle") else ""),
        Fact("Live machine usage", urls.text("vmLiveUsage"), "link"),
    ]


def git(document: Document) -> Git:
    part = document.status.part("content").part("git")
    facts = [
        Fact("Clone address", part.text("cloneUrl"), "link"),
        Fact("Branch", part.text("branch")),
        Fact("Latest commit", part.text("latestCommit"), "code"),
    ]
    changes = [
        ChangedFile(enum_label(entry.text("changeType")), entry.text("path"), entry.text("oldPath"))
        for entry in part.parts("changedFiles")
    ]
    commits = part.texts("unpushedCommits")
    totals = part.count("totalUnpushedCommits"), part.count("totalChangedFiles")
    return Git(part.known, facts, commits, totals[0], changes, totals[1])


def content(document: Document) -> list[Fact]:
    wanted, actual = document.spec.part("content"), document.status.part("content")
    return [
        Fact("Phase", actual.text("phase"), "phase"),
        Fact("Original context", document.metadata.text("originalContextUrl"), "link", NOT_SET),
        Fact("Path in the machine", actual.text("contentLocationInMachine"), "code"),
        Fact("Git user", wanted.text("gitUsername"), absent=NOT_SET),
        Fact("Git e-mail", wanted.text("gitEmail"), absent=NOT_SET),
        *sessions(wanted, actual),
    ]


def initializers(document: Document) -> list[Initializer]:
    """The sources of the content, in order; one entry can have a repository and a URL."""
    found = []
    for spec in document.spec.part("content").part("initializer").parts("specs"):
        if "contextUrl" in spec:
            link = Fact("Address", spec.part("contextUrl").text("url"), "link")
            found.append(Initializer("Address", [link]))
        if "git" in spec:
            found.append(Initializer("Git repository", _git_initializer(spec.part("git"))))
    return found


def _git_initializer(part: Part) -> list[Fact]:
    return [
        Fact("Repository", part.text("remoteUri"), "link"),
        Fact("Upstream", part.text("upstreamRemoteUri"), "link", NOT_SET),
        Fact("Check out", enum_label(part.text("targetMode")), absent=NOT_SET),
        Fact("Target", part.text("cloneTarget"), absent=NOT_SET),
        Fact("Into", part.text("checkoutLocation"), "code", NOT_SET),
    ]


def devcontainer(document: Document) -> list[Fact]:
    wanted, actual = document.spec.part("devcontainer"), document.status.part("devcontainer")
    return [
        Fact("Phase", actual.text("phase"), "phase"),
        Fact("Configured file", wanted.text("devcontainerFilePath"), "code", "detected by Ona"),
        Fact("Active file", actual.text("devcontainerFilePath"), "code"),
        Fact("File is", enum_label(actual.text("devcontainerFilePresence"))),
        Fact("Configuration in sync", _in_sync(actual, "devcontainerconfigInSync"), "flag"),
        Fact("Secrets in sync", _in_sync(actual, "secretsInSync"), "flag"),
        Fact("Remote user", actual.text("remoteUser")),
        Fact("Workspace folder", actual.text("remoteWorkspaceFolder"), "code"),
        Fact("Container name", actual.text("containerName"), "code"),
        Fact("Container id", actual.text("containerId"), "code"),
        Fact("Default image", wanted.text("defaultDevcontainerImage"), "code", NOT_SET),
        Fact("Dotfiles", wanted.part("dotfiles").text("repository"), "link", NOT_SET),
        Fact("Lifecycle stage", enum_label(wanted.text("lifecycleStage")), absent=NOT_SET),
        *sessions(wanted, actual),
    ]


def _timeout_of_machine(text: str) -> Fact:
    """A duration that Ona sends as text; unparsable texts are shown as received."""
    after = as_duration(text)
    return Fact("Timeout of the machine", text) if after is None else Fact("Timeout of the machine", after, "duration")


def _in_sync(container: Part, name: str) -> bool | None:
    """Ona omits false: only a running container can be reported as out of sync."""
    return container.flag(name) or (False if container.text("phase") == CONTAINER_RUNS else None)


def automations_file(document: Document) -> list[Fact]:
    wanted, actual = document.spec.part("automationsFile"), document.status.part("automationsFile")
    return [
        Fact("Phase", actual.text("phase"), "phase"),
        Fact("Configured file", wanted.text("automationsFilePath"), "code", "detected by Ona"),
        Fact("Active file", actual.text("automationsFilePath"), "code"),
        Fact("File is", enum_label(actual.text("automationsFilePresence"))),
        Fact("Only triggers", _triggers(wanted.parts("triggerFilter")), "list", "all"),
        *sessions(wanted, actual),
    ]


def _triggers(entries: Iterable[Part]) -> list[str]:
    """Labels without repetition; triggers newer than the portal by their raw names."""
    names = [name for entry in entries for name, on in entry.fields.items() if on is True]
    return list(dict.fromkeys(TRIGGERS.get(name, name) for name in names))


def machine(document: Document) -> list[Fact]:
    wanted, actual = document.spec.part("machine"), document.status.part("machine")
    versions = actual.part("versions")
    return [
        Fact("Desired state", document.spec.text("desiredPhase"), "phase", NOT_SET),
        Fact("Phase", actual.text("phase"), "phase"),
        _timeout_of_machine(actual.text("timeout")),
        Fact("Supervisor version", versions.text("supervisorVersion")),
        Fact("Supervisor commit", versions.text("supervisorCommit"), "code"),
        Fact("Machine image", versions.text("amiId"), "code"),
        Fact("Dual disk preferred", wanted.flag("preferDualDisk"), "flag"),
        Fact("Dual disk", actual.flag("dualDisk"), "flag"),
        *sessions(wanted, actual),
    ]


def _texts_or_text(part: Part, name: str) -> list[str]:
    """Messages are one text or a list of texts, depending on the part."""
    return part.texts(name) or [text for text in [part.text(name)] if text]
