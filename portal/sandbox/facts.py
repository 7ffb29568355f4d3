"""What lists filter by, taken from each kind of document once, when it changes."""

from collections.abc import Callable
from typing import NamedTuple

from portal.sandbox.documents import Document, instant_of


class EnvironmentFacts(NamedTuple):
    """Of an environment; instants in microseconds, 0 where absent; enums as their names."""

    runner: str
    runner_kind: str
    creator: str
    project: str
    phase: str
    role: str
    archived: bool
    archived_at: int
    lockdown_at: int
    session: str
    search: str


class AutomationFacts(NamedTuple):
    """Of a service, a task or an execution. `reference` and `role` are "" where the kind has none."""

    environment: str
    creator: str
    reference: str = ""
    role: str = ""
    task: str = ""
    phase: str = ""


class SecretFacts(NamedTuple):
    """What lists filter by. `scope` is a field of SecretScope and its id, such as `projectId:…`."""

    scope: str
    name: str


ENVIRONMENT_INDEXES = ("runner", "runner_kind", "creator", "project", "phase", "role", "archived")
AUTOMATION_INDEXES = ("environment",)
SECRET_INDEXES = ("scope",)


def environment_facts(runner_kind: Callable[[str], str]) -> Callable[[Document], EnvironmentFacts]:
    """A function from documents to facts that knows the kind of each runner."""

    def facts(document: Document) -> EnvironmentFacts:
        metadata = document["metadata"]
        archived_at = instant_of(metadata.get("archivedAt", ""))
        runner = metadata.get("runnerId", "")
        return EnvironmentFacts(
            runner,
            runner_kind(runner),
            metadata.get("creator", {}).get("id", ""),
            metadata.get("projectId", ""),
            document["status"].get("phase", ""),
            metadata.get("role", ""),
            archived_at > 0,
            archived_at,
            instant_of(metadata.get("lockdownAt", "")),
            metadata.get("sessionId", ""),
            f"{metadata.get('name', '')}\n{document['id']}\n{metadata.get('originalContextUrl', '')}".casefold(),
        )

    return facts


def service_facts(document: Document) -> AutomationFacts:
    """Of a service."""
    metadata = document["metadata"]
    return AutomationFacts(
        document["environmentId"],
        metadata.get("creator", {}).get("id", ""),
        metadata.get("reference", ""),
        metadata.get("role", ""),
        phase=document["status"].get("phase", ""),
    )


def task_facts(document: Document) -> AutomationFacts:
    """Of a task."""
    metadata = document["metadata"]
    return AutomationFacts(
        document["environmentId"], metadata.get("creator", {}).get("id", ""), metadata.get("reference", "")
    )


def execution_facts(reference: Callable[[str], str]) -> Callable[[Document], AutomationFacts]:
    """A function from executions to facts that can look up a task's reference by its id."""

    def facts(document: Document) -> AutomationFacts:
        metadata = document["metadata"]
        return AutomationFacts(
            metadata["environmentId"],
            metadata.get("creator", {}).get("id", ""),
            reference(metadata["taskId"]),
            task=metadata["taskId"],
            phase=document["status"].get("phase", ""),
        )

    return facts


def created(document: Document) -> int:
    """When any of these documents was created, in microseconds."""
    return instant_of(document["metadata"]["createdAt"])


def secret_facts(document: Document) -> SecretFacts:
    """Of a secret."""
    return SecretFacts(scope_key(document["scope"]), document["name"])


def secret_created(document: Document) -> int:
    """When a secret was created, in microseconds."""
    return instant_of(document["createdAt"])


def scope_key(scope: Document) -> str:
    """A SecretScope as one text."""
    ((field, identifier),) = scope.items()
    return f"{field}:{identifier}"
