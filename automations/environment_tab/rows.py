"""Rows of the services, tasks and executions of one environment, for its page."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID, uuid4
from zlib import crc32

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from automations.actions import services, tasks
from automations.actions.definitions import ROLES
from automations.environment_tab import graph
from automations.models import ExecutionPhase, Service, Task, TaskExecution
from environments.actions.registry import Action
from environments.documents.json_part import Part
from environments.models import Environment, Secret
from portal.web.enum_labels import TRIGGERS
from portal.web.formatting import phase_word

SERVICE_BUTTONS = (
    services.START_SERVICE, services.STOP_SERVICE, services.UPDATE_SERVICE, services.DELETE_SERVICE,
)  # fmt: skip
TASK_BUTTONS = (tasks.START_TASK, tasks.UPDATE_TASK, tasks.DELETE_TASK)
READ_LOG = "automations.read_log"
SIGNS = {
    ExecutionPhase.SUCCEEDED: ("green", "✓"),
    ExecutionPhase.FAILED: ("red", "✕"),
    ExecutionPhase.STOPPED: ("gray", "–"),
    ExecutionPhase.PENDING: ("blue", "…"),
    ExecutionPhase.RUNNING: ("blue", "…"),
}
UNKNOWN = ("gray", "?")


@dataclass(frozen=True, slots=True)
class Button:
    """An action or a link; `why_not` is why it is not available, or empty."""

    label: str
    url: str
    why_not: str
    is_dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Variable:
    """The name of a variable, since its value may be secret; `secret` is the name of the secret behind it, `url` its
    page.
    """

    name: str
    secret: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Definition:
    """What services and tasks share; `change_token` changes with the folded details."""

    triggers: list[str]
    commands: list[Command]
    runs_on: str
    container_variables: list[str]
    variables: list[Variable]
    start: Button
    buttons: list[Button]
    operation_id: UUID = field(default_factory=uuid4)  # for a start with one click

    @property
    def change_token(self) -> str:
        parts = (self.commands, self.runs_on, self.container_variables, self.variables)
        return f"{crc32(repr(parts).encode(errors='replace')):08x}"


@dataclass(frozen=True, slots=True)
class ServiceRow:
    service: Service
    role: str
    readiness_timeout: timedelta | None
    outputs: list[tuple[str, str]]
    log: Button
    definition: Definition


@dataclass(frozen=True, slots=True)
class RunMark:
    """One run of a task, as a mark."""

    url: str
    tone: str
    sign: str
    words: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    task: Task
    needs: list[str]
    needed_for_prebuild: bool
    last: TaskExecution | None
    marks: list[RunMark]
    definition: Definition


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    execution: TaskExecution
    task: Task | None
    started_by: str
    failures: list[str]
    url: str
    log: Button


class Reader:
    """Builds the rows of one environment for one person; `secrets` and `names` are those that documents refer to."""

    def __init__(
        self,
        environment: Environment,
        user: User | AnonymousUser,
        secrets: Mapping[str, str],
        names: Mapping[UUID, Task | Service],
    ) -> None:
        self.environment, self.user, self.secrets, self.names = environment, user, secrets, names

    def service(self, service: Service) -> ServiceRow:
        spec, output = Part(service.spec), Part(service.status).part("output")
        commands = spec.part("commands")
        shown = [Command(name.capitalize(), commands.text(name)) for name in ("start", "ready", "stop")]
        return ServiceRow(
            service,
            "" if service.role.endswith("_UNSPECIFIED") else ROLES.get(service.role, service.role),
            spec.duration("readinessTimeout"),
            [(name, output.text(name)) for name in sorted(output.fields)],
            self._log("service-log", service.pk),
            self._definition(service, spec, shown),
        )

    def task(self, task: Task, runs: Sequence[TaskExecution]) -> TaskRow:
        """A task with its newest `runs`, newest first."""
        spec = Part(task.spec)
        return TaskRow(
            task,
            [str(self.names.get(id_, id_)) for id_ in task.depends_on],
            bool(spec.flag("prebuildRequiresSuccess")),
            runs[0] if runs else None,
            [run_mark(run) for run in reversed(runs)],
            self._definition(task, spec, [Command("Command", task.command)]),
        )

    def execution(self, execution: TaskExecution) -> ExecutionRow:
        """An execution with the failures of its steps, if they add anything."""
        steps = (step.text("failureMessage") for step in Part(execution.status).parts("steps"))
        failures = [execution.failure, *steps]
        task = self.names.get(execution.task_id)
        return ExecutionRow(
            execution,
            task if isinstance(task, Task) else None,
            execution.started_by_name or TRIGGERS.get(execution.started_by, execution.started_by),
            list(dict.fromkeys(failure for failure in failures if failure)),
            reverse("automations:execution", args=[execution.pk]),
            self._log("execution-log", execution.pk),
        )

    def create(self, thing: str, action: Action) -> Button:
        """The button to create one."""
        url = reverse(f"automations:create-{thing}", args=[self.environment.pk])
        why_not = action.obstacle(self.user, self.environment, None, timezone.now())  # no policy forbids it
        return Button(f"New {thing}", url, why_not)

    def _definition(self, subject: Service | Task, spec: Part, commands: list[Command]) -> Definition:
        target = spec.part("runsOn")
        docker = target.part("docker")
        subject.environment = self.environment
        start, *others = SERVICE_BUTTONS if isinstance(subject, Service) else TASK_BUTTONS
        return Definition(
            [TRIGGERS.get(name, name) for name in subject.triggers],
            [command for command in commands if command.text],
            f"container {docker.text('image')}" if docker.known else "the machine" if "machine" in target else "",
            [line.partition("=")[0] for line in docker.texts("environment")],
            [self._variable(item) for item in spec.parts("env")],
            self._button(start, subject),
            [self._button(other, subject) for other in others],
        )

    def _variable(self, item: Part) -> Variable:
        id_ = item.part("valueFrom").part("secretRef").text("id")
        if not id_:
            return Variable(item.text("name"))
        return Variable(
            item.text("name"), self.secrets.get(id_, id_), f"{reverse('secrets:list')}?{urlencode({'q': id_})}"
        )

    def _button(self, action: Action, subject: Service | Task) -> Button:
        url = reverse(f"automations:{action.slug}-{action.subject}", args=[self.environment.pk, subject.pk])
        return Button(action.slug.capitalize(), url, action.why_not(self.user, subject), action.slug == "delete")

    def _log(self, name: str, pk: UUID) -> Button:
        why_not = "" if self.user.has_perm(READ_LOG) else "Your roles do not let you read logs."
        return Button("Log", reverse(f"automations:{name}", args=[pk]), why_not)


def run_mark(run: TaskExecution) -> RunMark:
    """A run as a mark, whose label does not depend on colour."""
    tone, sign = SIGNS.get(ExecutionPhase(run.phase), UNKNOWN) if run.phase in ExecutionPhase.values else UNKNOWN
    at = f"{run.created_at:%Y-%m-%d %H:%M} UTC" if run.created_at else "at an unknown time"
    kept = ", no longer stored by Ona" if run.gone_at else ""
    url = reverse("automations:execution", args=[run.pk])
    return RunMark(url, tone, sign, f"{phase_word(run.phase)}, {at}{kept}")


def secret_names(rows: Iterable[Service | Task]) -> dict[str, str]:
    """The names of the secrets behind variables, by id, if cached; one query."""
    ids = set()
    for row in rows:
        for item in Part(row.spec).parts("env"):
            try:
                ids.add(UUID(item.part("valueFrom").part("secretRef").text("id")))
            except ValueError:
                continue
    found = Secret.objects.filter(pk__in=ids).values_list("pk", "name") if ids else []
    return {str(id_): name for id_, name in found}


def dependency_graph(tasks: Sequence[Task], services: Sequence[Service]) -> graph.Graph | None:
    """The graph of dependencies; services only if a task depends on one."""
    labels: dict[Hashable, str] = {row.pk: str(row) for row in (*tasks, *services)}
    return graph.draw(labels, {task.pk: task.depends_on for task in tasks})
