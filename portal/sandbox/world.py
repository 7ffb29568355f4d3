"""The stand-in's whole state: documents, clock, what is due when, who listens. The same seed gives the same world."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from portal.sandbox import history as past
from portal.sandbox import phases, runner, secrets
from portal.sandbox.audit import AuditLog
from portal.sandbox.conditions import Condition
from portal.sandbox.documents import Document, merge, micros, moment, pruned
from portal.sandbox.environments import born, timing
from portal.sandbox.facts import (
    AUTOMATION_INDEXES,
    ENVIRONMENT_INDEXES,
    AutomationFacts,
    EnvironmentFacts,
    created,
    environment_facts,
    execution_facts,
    service_facts,
    task_facts,
)
from portal.sandbox.history_log import Truth, apply
from portal.sandbox.organization import found
from portal.sandbox.population import populate, settle
from portal.sandbox.scheduler import Agenda
from portal.sandbox.table import Table


class Event(NamedTuple):
    """What WatchEvents tells: an operation on a resource, and no content."""

    operation: str  # CREATE, UPDATE, UPDATE_STATUS, DELETE
    resource: str  # ENVIRONMENT, TASK, TASK_EXECUTION, SERVICE
    id: str
    environment: str
    creator: str


class World:
    """An organization of so many environments. Thread-safe: hold `lock` to read more than one thing consistently.

    `speed` is how much faster than the wall clock a server lets it live; at 0 only `advance` moves time. With a
    `history` it began so long before `now` and has lived since then, or `until` a moment of it; `truth` tells how.
    """

    def __init__(
        self,
        environments: int = 300,
        seed: int = 1,
        now: datetime | None = None,
        speed: float = 0.0,
        history: timedelta = timedelta(0),
        until: datetime | None = None,
    ) -> None:
        self.seed = seed
        self.speed = speed
        self.rng = random.Random(seed)
        self.lock = threading.RLock()
        end = micros(now or datetime.now(UTC))
        self.instant = end - round(history.total_seconds() * 1_000_000)
        self.hurried = False  # through a past in which only what lists and audits show is lived
        self.truth: Truth | None = None
        self.audit = AuditLog(seed)
        self.agenda = Agenda()
        self.organization = found(self.rng, environments, self.instant)
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
        self.references: dict[str, str] = {}  # of tasks that are gone while executions of theirs are not
        self.secrets: Table[secrets.SecretFacts] = Table(secrets.secret_facts, secrets.created, secrets.SECRET_INDEXES)
        self.digests: dict[str, str] = {}  # of the secrets' values, by id: the values themselves are not kept
        self._listeners: list[Callable[[Event], None]] = []
        secrets.invent(self)
        populate(self, environments)
        if history:
            past.begin(self, environments, end)
            self.advance(min(until or moment(end), moment(end)) - self.now)
        else:
            self.agenda.begin(self, environments)

    @property
    def now(self) -> datetime:
        """The world's own time."""
        return moment(self.instant)

    def reference(self, task_id: str) -> str:
        """A task's reference, also of one deleted since; "" where it is not known."""
        entry = self.tasks.entries.get(task_id)
        return entry.facts.reference if entry else self.references.get(task_id, "")

    # Time

    def advance(self, by: timedelta) -> None:
        """Let time pass: everything that falls due happens, in order."""
        with self.lock:
            until = self.instant + round(by.total_seconds() * 1_000_000)
            self.agenda.live(self, until)
            self.instant = until

    # Reading

    def document(self, environment_id: str) -> Document:
        """An environment as the API would answer it now. Raises KeyError where there is none."""
        with self.lock:
            return self.environments.entries[environment_id].document()

    def documents(self) -> Iterator[Document]:
        """Every environment, newest first, archived ones included, as the API would answer them at this moment."""
        with self.lock:
            bodies = list(self.environments.walk({}))
        return (entry.document() for entry in bodies)

    def starts(self, reference: str) -> Counter[str]:
        """How often a task was started, by environment: every execution there is counts, however it was started."""
        with self.lock:
            facts = [entry.facts for entry in self.executions.entries.values()]
        return Counter(each.environment for each in facts if each.reference == reference)

    def secret_matches(self, secret_id: str, value: str) -> bool:
        """Whether this is the secret's value. Raises KeyError where there is no such secret."""
        kept = self.digests[secret_id]
        return secrets.digest(value, kept.partition(":")[0]) == kept

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

        The runner answers a changed spec after a moment.
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
                runner.notice(self, environment_id, set(spec))
            self._tell("UPDATE_STATUS" if status and not (spec or metadata) else "UPDATE", "ENVIRONMENT", document)
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
                self._tell("UPDATE", kind, document)
            if "status" in changes:
                self._tell("UPDATE_STATUS", kind, document)
            return document

    def table(self, kind: str) -> Table[AutomationFacts]:
        """The table of a SERVICE, TASK or TASK_EXECUTION."""
        return {"SERVICE": self.services, "TASK": self.tasks, "TASK_EXECUTION": self.executions}[kind]

    def add(self, kind: str, document: Document) -> Document:
        """Add a new resource of any kind and tell of it."""
        with self.lock:
            (self.environments if kind == "ENVIRONMENT" else self.table(kind)).put(document)
            if self.truth and kind == "ENVIRONMENT":
                self.truth.appeared(document["id"], self.instant, self.environments.entries[document["id"]].body)
            self._tell("CREATE", kind, document)
            return document

    def add_environment(self, condition: Condition | None = None, **parts: Mapping[str, Any]) -> str:
        """A new environment in a condition (RUNNING by default) with its parts overridden; answers its id.

        `world.add_environment(Condition("STOPPED"), metadata={"name": "x"}, status={"phase": "ENVIRONMENT_PHASE_NEW"})`
        """
        with self.lock:
            chosen = condition or Condition()
            document = born(chosen, timing(chosen, self.instant, self.rng), self)
            merge(document, parts)
            if mounted := {} if "secrets" in parts.get("spec", {}) else secrets.remounted(self, document):
                document["spec"] |= mounted  # it was given to somebody else, or to another project
                if "secrets" in document["status"]:
                    document["status"]["secrets"] = phases.secrets_ready(document)
            settle(self, document, chosen)
            if self.truth:
                self.truth.appeared(document["id"], self.instant, self.environments.entries[document["id"]].body)
            self._tell("CREATE", "ENVIRONMENT", document)
            identifier: str = document["id"]
            return identifier

    def remove(self, environment_id: str) -> None:
        """Make an environment and its automations be gone: not_found from now on."""
        with self.lock:
            document = self.document(environment_id)
            for kind in ("TASK_EXECUTION", "TASK", "SERVICE"):
                for entry in list(self.table(kind).walk({"environment": [environment_id]})):
                    self.drop(kind, entry.key[1])
                    self.references.pop(entry.facts.task or entry.key[1], None)
            self.environments.remove(environment_id)
            if self.truth:
                self.truth.gone(environment_id, self.instant)
            self.tempers.pop(environment_id, None)
            self.agenda.forget(environment_id)
            self._tell("DELETE", "ENVIRONMENT", document)

    def drop(self, kind: str, identifier: str) -> None:
        """Make a service, task or execution be gone."""
        document = self.table(kind).entries[identifier].document()
        if kind == "TASK":
            self.references[identifier] = document["metadata"].get("reference", "")
        self.table(kind).remove(identifier)
        self._tell("DELETE", kind, document)

    # Listening

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call the listener with every event from now on; answers the function that ends this."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self, operation: str, resource: str, document: Document) -> None:
        metadata = document["metadata"]
        environment = (
            document["id"]
            if resource == "ENVIRONMENT"
            else document.get("environmentId", metadata.get("environmentId", ""))
        )
        event = Event(operation, resource, document["id"], environment, metadata.get("creator", {}).get("id", ""))
        for listener in list(self._listeners):
            listener(event)
