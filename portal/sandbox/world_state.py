"""All that a world stores, and the primitive changes to it. What happens in a world is in the modules above."""

import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from portal.sandbox.audit_log import AuditLog
from portal.sandbox.documents import Document, datetime_of, merge, pruned
from portal.sandbox.facts import (
    AUTOMATION_INDEXES,
    ENVIRONMENT_INDEXES,
    SECRET_INDEXES,
    AutomationFacts,
    EnvironmentFacts,
    SecretFacts,
    created,
    environment_facts,
    execution_facts,
    secret_created,
    secret_facts,
    service_facts,
    task_facts,
)
from portal.sandbox.history_log import Truth, apply
from portal.sandbox.organization import create_organization
from portal.sandbox.scheduler import Agenda
from portal.sandbox.table import Table


class Event(NamedTuple):
    """An event of WatchEvents: an operation on a resource, without content."""

    operation: str  # CREATE, UPDATE, UPDATE_STATUS, DELETE
    resource: str  # ENVIRONMENT, TASK, TASK_EXECUTION, SERVICE
    id: str
    environment: str
    creator: str


class WorldState(ABC):
    """The state of an organization. Thread-safe: hold `lock` to read more than one thing consistently."""

    def __init__(self, environments: int, seed: int, instant: int) -> None:
        self.seed = seed
        self.rng = random.Random(seed)
        self.instant = instant
        self.lock = threading.RLock()
        self.hurried = False  # through a past in which only what lists and audits show is lived
        self.truth: Truth | None = None
        self.audit = AuditLog(seed)
        self.agenda = Agenda()
        self.organization = create_organization(self.rng, environments, self.instant)
        self.environments: Table[EnvironmentFacts] = Table(
            environment_facts(self.organization.runner_kind), created, ENVIRONMENT_INDEXES
        )
        self.services: Table[AutomationFacts] = Table(service_facts, created, AUTOMATION_INDEXES)
        self.tasks: Table[AutomationFacts] = Table(task_facts, created, AUTOMATION_INDEXES)
        self.executions: Table[AutomationFacts] = Table(execution_facts(self.reference), created, AUTOMATION_INDEXES)
        self.tokens: dict[str, tuple[str, int]] = {}  # for which environment, until when
        self.tempers: dict[str, str] = {}  # of runners that do not take changes to an environment as they should
        # What tests want of tasks' steps and of services, by id or reference: "succeed", "fail" or "hang"; else chance.
        self.task_outcomes: dict[str, str] = {}
        self.service_outcomes: dict[str, str] = {}
        self.references: dict[str, str] = {}  # of deleted tasks whose executions still exist
        self.secrets: Table[SecretFacts] = Table(secret_facts, secret_created, SECRET_INDEXES)
        self.digests: dict[str, str] = {}  # of the secrets' values, by id: the values themselves are not stored
        self._listeners: list[Callable[[Event], None]] = []

    @abstractmethod
    def spec_changed(self, environment_id: str, fields: set[str]) -> None:
        """React to a change of these parts of an environment's spec."""

    @property
    def now(self) -> datetime:
        """The world's own time."""
        return datetime_of(self.instant)

    def reference(self, task_id: str) -> str:
        """A task's reference, also of one deleted since; "" for an unknown task."""
        entry = self.tasks.entries.get(task_id)
        return entry.facts.reference if entry else self.references.get(task_id, "")

    # Reading

    def document(self, environment_id: str) -> Document:
        """An environment as the API would answer it now. Raises KeyError where there is none."""
        with self.lock:
            return self.environments.entries[environment_id].document()

    def documents(self) -> Iterator[Document]:
        """Every environment, newest first, archived ones included, as the API would answer them now."""
        with self.lock:
            bodies = list(self.environments.walk({}))
        return (entry.document() for entry in bodies)

    def starts(self, reference: str) -> Counter[str]:
        """How often a task was started, by environment: every execution there is counts, however it was started."""
        with self.lock:
            facts = [entry.facts for entry in self.executions.entries.values()]
        return Counter(each.environment for each in facts if each.reference == reference)

    # Changing

    def change(
        self,
        environment_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
        status: Mapping[str, Any] | None = None,
    ) -> Document:
        """Merge changes into an environment's parts (None removes a field) and raise the versions of those touched.

        The runner answers a changed spec after some seconds.
        """
        with self.lock:
            document = self.document(environment_id)
            apply(document, metadata, spec, status)
            for part, changes in (("metadata", metadata), ("spec", spec), ("status", status)):
                if changes:
                    document[part] = pruned(document[part])
            self.environments.put(document, clean=True)
            if self.truth:
                self.truth.changed(environment_id, self.instant, metadata, spec, status)
            if spec:
                self.spec_changed(environment_id, set(spec))
            self._notify("UPDATE_STATUS" if status and not (spec or metadata) else "UPDATE", "ENVIRONMENT", document)
            return document

    def change_automation(self, kind: str, identifier: str, changes: Mapping[str, Any]) -> Document:
        """Merge changes into a SERVICE, TASK or TASK_EXECUTION, raising the versions of the parts touched."""
        with self.lock:
            table = self.table(kind)
            document = table.entries[identifier].document()
            merge(document, changes)
            for part, version in (("spec", "specVersion"), ("status", "statusVersion")):
                if part in changes and version in document[part]:
                    document[part][version] = str(int(document[part][version]) + 1)
            table.put(document)
            # Times in an execution's metadata come with its status and are no news of their own.
            if set(changes) - {"status"} - ({"metadata"} if kind == "TASK_EXECUTION" else set()):
                self._notify("UPDATE", kind, document)
            if "status" in changes:
                self._notify("UPDATE_STATUS", kind, document)
            return document

    def table(self, kind: str) -> Table[AutomationFacts]:
        """The table of a SERVICE, TASK or TASK_EXECUTION."""
        return {"SERVICE": self.services, "TASK": self.tasks, "TASK_EXECUTION": self.executions}[kind]

    def add(self, kind: str, document: Document) -> Document:
        """Add a new resource of any kind and notify the listeners."""
        with self.lock:
            (self.environments if kind == "ENVIRONMENT" else self.table(kind)).put(document)
            if self.truth and kind == "ENVIRONMENT":
                self.truth.appeared(document["id"], self.instant, self.environments.entries[document["id"]].body)
            self._notify("CREATE", kind, document)
            return document

    def remove(self, environment_id: str) -> None:
        """Delete an environment and its automations: not_found from now on."""
        with self.lock:
            document = self.document(environment_id)
            for kind in ("TASK_EXECUTION", "TASK", "SERVICE"):
                for entry in list(self.table(kind).walk({"environment": [environment_id]})):
                    self.drop(kind, entry.key[1])
                    self.references.pop(entry.facts.task or entry.key[1], None)
            self.environments.remove(environment_id)
            if self.truth:
                self.truth.deleted(environment_id, self.instant)
            self.tempers.pop(environment_id, None)
            self.agenda.interrupt(environment_id)
            self._notify("DELETE", "ENVIRONMENT", document)

    def drop(self, kind: str, identifier: str) -> None:
        """Delete a service, task or execution."""
        document = self.table(kind).entries[identifier].document()
        if kind == "TASK":
            self.references[identifier] = document["metadata"].get("reference", "")
        self.table(kind).remove(identifier)
        self._notify("DELETE", kind, document)

    # Listening

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call the listener with every event from now on; answers the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _notify(self, operation: str, resource: str, document: Document) -> None:
        metadata = document["metadata"]
        environment = (
            document["id"]
            if resource == "ENVIRONMENT"
            else document.get("environmentId", metadata.get("environmentId", ""))
        )
        event = Event(operation, resource, document["id"], environment, metadata.get("creator", {}).get("id", ""))
        for listener in list(self._listeners):
            listener(event)
