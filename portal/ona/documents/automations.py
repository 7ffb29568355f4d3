"""Services, tasks and executions as EnvironmentAutomationService answers them."""

from typing import Any
from uuid import UUID

import msgspec

from .environments import Subject
from .pages import Listing, Part, part_reader
from .values import Duration, Head, Timestamp, Uint64


class _AutomationMetadata(Head, frozen=True):
    reference: str = ""
    name: str = ""
    description: str = ""
    created_at: Timestamp | None = None
    creator: Subject = Subject()
    triggered_by: list[dict[str, Any]] = []

    @property
    def triggers(self) -> list[str]:
        """Its triggers, as in an automations file: manual, postEnvironmentStart, prebuild, …"""
        return list(dict.fromkeys(word for trigger in self.triggered_by for word, given in trigger.items() if given))


class ServiceMetadataHead(_AutomationMetadata, frozen=True):
    """ServiceMetadata."""

    role: str = ""


class TaskMetadataHead(_AutomationMetadata, frozen=True):
    """TaskMetadata."""


class Docker(Head, frozen=True):
    """RunsOn.Docker."""

    image: str = ""


class RunsOn(Head, frozen=True):
    """Where a command runs: in its own container, on the machine, or (neither) in the devcontainer."""

    docker: Docker | None = None
    machine: dict[str, Any] | None = None


class Commands(Head, frozen=True):
    """ServiceSpec.Commands."""

    start: str = ""
    ready: str = ""
    stop: str = ""


class ServiceSpecHead(Head, frozen=True):
    """ServiceSpec."""

    spec_version: Uint64 = Uint64(0)
    desired_phase: str = ""
    commands: Commands = Commands()
    runs_on: RunsOn = RunsOn()
    readiness_timeout: Duration | None = None

    @property
    def command(self) -> str:
        """The command that starts it."""
        return self.commands.start


class ServiceStatusHead(Head, frozen=True):
    """ServiceStatus."""

    status_version: Uint64 = Uint64(0)
    phase: str = ""
    failure_message: str = ""
    log_url: str = ""


class ServiceDocument(msgspec.Struct, frozen=True):
    """One service."""

    id: UUID
    environment_id: UUID
    metadata: Part[ServiceMetadataHead]
    spec: Part[ServiceSpecHead]
    status: Part[ServiceStatusHead]


class TaskSpecHead(Head, frozen=True):
    """TaskSpec."""

    command: str = ""
    runs_on: RunsOn = RunsOn()
    prebuild_requires_success: bool = False


class TaskDocument(msgspec.Struct, frozen=True):
    """One task definition, which has no version."""

    id: UUID
    environment_id: UUID
    metadata: Part[TaskMetadataHead]
    spec: Part[TaskSpecHead]
    depends_on: list[UUID]


class ExecutionMetadataHead(Head, frozen=True):
    """TaskExecutionMetadata."""

    task_id: UUID
    environment_id: UUID
    created_at: Timestamp | None = None
    creator: Subject = Subject()
    started_by: str = ""
    started_at: Timestamp | None = None
    completed_at: Timestamp | None = None


class PlannedTask(Head, frozen=True):
    """TaskExecutionSpec.Task."""

    id: UUID | None = None
    spec: TaskSpecHead = TaskSpecHead()


class PlannedStep(Head, frozen=True):
    """TaskExecutionSpec.Step: a task or a service."""

    id: UUID | None = None
    label: str = ""
    depends_on: list[str] = []
    task: PlannedTask | None = None
    service_id: UUID | None = None


class PlannedGroup(Head, frozen=True):
    """TaskExecutionSpec.Group: steps that run in parallel."""

    steps: list[PlannedStep] = []


class ExecutionSpecHead(Head, frozen=True):
    """TaskExecutionSpec: groups that run one after another."""

    desired_phase: str = ""
    plan: list[PlannedGroup] = []


class ExecutionStep(Head, frozen=True):
    """TaskExecutionStatus.Step: one that has started."""

    id: UUID | None = None
    phase: str = ""
    failure_message: str = ""


class ExecutionStatusHead(Head, frozen=True):
    """TaskExecutionStatus."""

    status_version: Uint64 = Uint64(0)
    phase: str = ""
    failure_message: str = ""
    steps: list[ExecutionStep] = []
    log_url: str = ""


class TaskExecutionDocument(msgspec.Struct, frozen=True):
    """One execution."""

    id: UUID
    metadata: Part[ExecutionMetadataHead]
    spec: Part[ExecutionSpecHead]
    status: Part[ExecutionStatusHead]

    @property
    def environment_id(self) -> UUID:
        """The environment it runs in."""
        return self.metadata.head.environment_id

    @property
    def task_id(self) -> UUID:
        """The task that it executes."""
        return self.metadata.head.task_id


class _Envelope(Head, frozen=True):
    id: UUID
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: msgspec.Raw = msgspec.Raw(b"{}")


class _Attached(_Envelope, frozen=True, kw_only=True):
    environment_id: UUID
    depends_on: list[UUID] | None = None


_envelope, _attached = msgspec.json.Decoder(_Envelope), msgspec.json.Decoder(_Attached)
_service_parts = part_reader(ServiceMetadataHead), part_reader(ServiceSpecHead), part_reader(ServiceStatusHead)
_task_parts = part_reader(TaskMetadataHead), part_reader(TaskSpecHead)
_execution_parts = part_reader(ExecutionMetadataHead), part_reader(ExecutionSpecHead), part_reader(ExecutionStatusHead)


def _open_service(came: _Attached) -> ServiceDocument:
    metadata, spec, status = _service_parts
    return ServiceDocument(came.id, came.environment_id, metadata(came.metadata), spec(came.spec), status(came.status))


def _open_task(came: _Attached) -> TaskDocument:
    metadata, spec = _task_parts
    return TaskDocument(came.id, came.environment_id, metadata(came.metadata), spec(came.spec), came.depends_on or [])


def _open_execution(came: _Envelope) -> TaskExecutionDocument:
    metadata, spec, status = _execution_parts
    return TaskExecutionDocument(came.id, metadata(came.metadata), spec(came.spec), status(came.status))


class UpdatedAutomations(Head, frozen=True):
    """UpsertAutomationsFileResponse: what an automations file created or changed."""

    updated_service_ids: list[UUID] = []
    updated_task_ids: list[UUID] = []


_updated = msgspec.json.Decoder(UpdatedAutomations)


def read_updated(raw: bytes) -> UpdatedAutomations:
    """Parse the answer in `raw`; MsgspecError if invalid."""
    return _updated.decode(raw)


def read_service(raw: bytes) -> ServiceDocument:
    """Parse the service in `raw`; MsgspecError if there is none."""
    return _open_service(_attached.decode(raw))


def read_task(raw: bytes) -> TaskDocument:
    """Parse the task in `raw`; MsgspecError if there is none."""
    return _open_task(_attached.decode(raw))


def read_execution(raw: bytes) -> TaskExecutionDocument:
    """Parse the execution in `raw`; MsgspecError if there is none."""
    return _open_execution(_envelope.decode(raw))


SERVICES = Listing("services", _Attached, _open_service)
TASKS = Listing("tasks", _Attached, _open_task)
EXECUTIONS = Listing("taskExecutions", _Envelope, _open_execution)
