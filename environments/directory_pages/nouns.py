"""The kinds of entries of the directory that have pages, and the facts shown of each beside what belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.safestring import SafeString

from environments.detail.fields import NOT_SET, Fact
from environments.documents.json_part import Part
from environments.list.names import NAMED, names_of
from environments.models import Environment, Secret
from environments.models.secret_scope import ScopeKind
from portal.directory.models import Entry, EnvironmentClass, Member, Project, Runner
from portal.directory.standing import standings
from portal.web.enum_labels import enum_label
from portal.web.names import IN_ORDER, marked


@dataclass(frozen=True, slots=True)
class Noun:
    """`kind` is what filters, search words and `NAMED` call it, `word` what pages do, `folder` its place in addresses.
    `facts` are shown, from an entry and its document; `scope` is that of the secrets that belong to it."""

    kind: str
    word: str
    folder: str
    facts: Callable[[Any, Part], list[Fact]]
    scope: ScopeKind | None = None

    @property
    def model(self) -> type[Entry]:
        return NAMED[self.kind][0]  # type: ignore[return-value]  # every model of the directory is an Entry

    @property
    def column(self) -> str:
        """Of environments: whose they are."""
        return NAMED[self.kind][1]


@dataclass(frozen=True, slots=True)
class Subject:
    """A member, project, runner or class. Without an `entry` the directory never listed it, but something names it.
    `standing` says what is not in order."""

    noun: Noun
    identity: UUID
    name: str
    standing: str
    entry: Entry | None

    @property
    def mark(self) -> SafeString:
        """What is not in order, leading to all environments alike."""
        return marked(self.noun.kind, self.identity, {self.identity: self.standing} if self.standing else IN_ORDER)

    @property
    def facts(self) -> list[Fact]:
        """What the directory tells of it."""
        if self.entry is None:
            return [Fact("Directory", "", absent=f"never listed by Ona, or not as a {self.noun.word}")]
        found = self.noun.facts(self.entry, Part(self.entry.document))
        deleted = [Fact("No longer listed since", self.entry.gone_at, "time")] if self.entry.gone_at else []
        return [*found, *deleted, Fact("Last listed", self.entry.seen_at, "time")]


def find_subject(noun: Noun, identity: UUID) -> Subject | None:
    """None if neither the directory nor an environment or a secret has the id; at most six queries."""
    entry = noun.model._default_manager.filter(pk=identity).first()
    if entry is None and not _is_named(noun, identity):
        return None
    name = entry.name if entry and entry.name else names_of(noun.kind)([str(identity)])[str(identity)]
    return Subject(noun, identity, name, standings([identity]).get(identity, ""), entry)


def _is_named(noun: Noun, identity: UUID) -> bool:
    secrets = Secret.objects.filter(scope_kind=noun.scope, scope_id=identity)
    return Environment.objects.filter(**{noun.column: identity}).exists() or bool(noun.scope and secrets.exists())


def _member(member: Member, document: Part) -> list[Fact]:
    return [
        Fact("E-mail", member.email),
        Fact("Role", enum_label(member.role)),
        Fact("Status", enum_label(member.status)),
        Fact("Signs in with", document.text("loginProvider")),
        Fact("Member since", member.member_since, "time"),
    ]


def _project(project: Project, document: Part) -> list[Fact]:
    return [
        Fact("Repository", project.repository, "link", "none"),
        Fact("Devcontainer file", document.text("devcontainerFilePath"), absent=NOT_SET),
        Fact("Automations file", document.text("automationsFilePath"), absent=NOT_SET),
        Fact("Created", document.part("metadata").time("createdAt"), "time"),
        Fact("Changed", document.part("metadata").time("updatedAt"), "time"),
    ]


def _runner(runner: Runner, document: Part) -> list[Fact]:
    return [
        Fact("Phase", runner.phase, "phase", note=runner.message),
        Fact("Kind", enum_label(runner.kind)),
        Fact("Provider", enum_label(runner.provider)),
        Fact("Region", runner.region),
        Fact("Version", runner.version),
        Fact("Created", document.time("createdAt"), "time"),
    ]


def _class(kind: EnvironmentClass, document: Part) -> list[Fact]:
    runner = str(kind.runner_id) if kind.runner_id else ""
    name = names_of("runner")([runner])[runner] if runner else ""
    return [
        Fact("Description", kind.description),
        Fact("Offered for new environments", kind.enabled, "flag"),
        Fact("Runner", name, "runner", identity=kind.runner_id),
    ]


NOUNS: Mapping[str, Noun] = {
    noun.kind: noun
    for noun in (
        Noun("owner", "member", "members", _member, ScopeKind.USER),
        Noun("project", "project", "projects", _project, ScopeKind.PROJECT),
        Noun("runner", "runner", "runners", _runner),
        Noun("class", "class", "classes", _class),
    )
}
