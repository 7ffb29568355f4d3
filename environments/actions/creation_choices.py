"""What a new environment can be made from and run on, as the cached directory knows it."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from portal.directory.models import EntryQuerySet, EnvironmentClass, Organization, Project, Runner
from portal.lists.folding import folded
from portal.web.formatting import phase_word

Choice = tuple[str, str]
Choices = list[tuple[str, list[Choice]]]
Projects = dict[str, Project]
RUNS = "RUNNER_PHASE_ACTIVE"
BROWSED = 20  # projects of a list to choose from; a search finds the others


def projects() -> Projects:
    """All projects by a text that names one of them and no other, in the order of their names; without documents."""
    found = list(Project.objects.present().defer("document").order_by("name", "id"))
    names = Counter(str(each) for each in found)
    texts = {each.pk: str(each) if names[str(each)] == 1 else f"{each} · {each.repository}" for each in found}
    alike = Counter(texts.values())
    return {texts[each.pk] if alike[texts[each.pk]] == 1 else f"{texts[each.pk]} · {each.pk}": each for each in found}


def find_project(text: str, known: Projects) -> Project | None:
    """The project that `text` means: its text among those `known` in any case, or its id."""
    text = text.strip()
    alike = [project for label, project in known.items() if folded(label) == folded(text)]
    by_id = [project for project in known.values() if str(project.pk) == text.lower()]
    found = [known[text]] if text in known else by_id or alike
    return found[0] if len(found) == 1 else None


def browse(words: str, known: Projects) -> tuple[list[Project], int]:
    """The first of those with `words` in their name or repository, and how many there are."""
    found = [each for text, each in known.items() if folded(words.strip()) in folded(f"{text} {each.repository}")]
    return found[:BROWSED], len(found)


def classes() -> Choices:
    """Enabled classes as choices of a select, grouped by their runners, which a closed select shows as well."""
    groups: Choices = []
    runners = _runners()
    for each in sorted(_enabled(), key=lambda one: (runners.get(one.runner_id, ""), one.description, one.name)):
        runner = runners.get(each.runner_id, "runner unknown")
        if not groups or groups[-1][0] != runner:
            groups.append((runner, []))
        groups[-1][1].append((str(each.pk), f"{_described(each)} · {runner}"))
    return groups


def project_classes(project: Project | None) -> list[Choice]:
    """The project's own enabled classes as choices of a select; the first, without a value, is its default."""
    if project is None:
        return [("", "The project's default")]
    ids = _class_ids(project.document)
    enabled, runners = {each.pk: each for each in _enabled().filter(pk__in=ids)}, _runners()
    named = {
        id_: f"{_described(enabled[id_])} · {runners.get(enabled[id_].runner_id, 'runner unknown')}"
        for id_ in ids
        if id_ in enabled
    }
    default = f"The project's default: {named[ids[0]]}" if ids and ids[0] in named else "The project's default"
    return [("", default), *((str(id_), text) for id_, text in named.items() if id_ != ids[0])]


def policies(organization: Organization | None) -> list[str]:
    """What the organization's policies say about new environments, a sentence each."""
    if organization is None or organization.policies_seen_at is None:
        return ["The organization's policies are unknown: Ona reports violations."]
    found = organization.policies
    said = []
    if found.get("membersRequireProjects"):
        said.append("Members may only use projects; whether that holds for the portal's token, Ona decides.")
    if found.get("disableFromScratch"):
        said.append("Environments from scratch, without a repository or a project, are not allowed.")
    if most := _count(found.get("maximumEnvironmentsPerUser")):
        said.append(f"One person may have {most} environments at most.")
    if most := _count(found.get("maximumRunningEnvironmentsPerUser")):
        said.append(f"One person may have {most} running at most.")
    return said


def _count(value: Any) -> int:
    """A number that Ona writes as text; 0, which means no limit, where it is none."""
    text = str(value or 0)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def _class_ids(document: Any) -> list[UUID]:
    """Of a project's document, in the project's own order, the default first (Project.environment_classes)."""
    listed = document.get("environmentClasses") or [document.get("environmentClass") or {}]
    ordered = sorted(listed, key=lambda each: _count(each.get("order")))
    return [UUID(each["environmentClassId"]) for each in ordered if each.get("environmentClassId")]


def _enabled() -> EntryQuerySet:
    return EnvironmentClass.objects.present().filter(enabled=True).defer("document")


def _runners() -> dict[UUID | None, str]:
    """Names of the runners, with their phase where that is not as it should be."""
    return {
        each.pk: str(each) if each.phase in ("", RUNS) else f"{each} ({phase_word(each.phase)})"
        for each in Runner.objects.defer("document")
    }


def _described(each: EnvironmentClass) -> str:
    return f"{each} · {each.description}" if each.description else str(each)
