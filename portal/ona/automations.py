"""EnvironmentAutomationService: services, tasks, executions and the automations file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .base import PAGE_SIZE, Calls, Id, given, only
from .documents.automations import (
    EXECUTIONS,
    SERVICES,
    TASKS,
    ServiceDocument,
    TaskDocument,
    TaskExecutionDocument,
    UpdatedAutomations,
    read_execution,
    read_service,
    read_task,
    read_updated,
)
from .documents.pages import Page

_AUTOMATIONS = "EnvironmentAutomationService"


class Automations(Calls):
    """Lists take at most 25 ids of a kind, or none for all. `metadata` and `spec` are those of the request."""

    def service_pages(self, environment_ids: Iterable[Id] = ()) -> Iterator[Page[ServiceDocument]]:
        """Services."""
        return self._list(f"{_AUTOMATIONS}/ListServices", only(environmentIds=environment_ids), SERVICES)

    def task_pages(self, environment_ids: Iterable[Id] = ()) -> Iterator[Page[TaskDocument]]:
        """Task definitions."""
        return self._list(f"{_AUTOMATIONS}/ListTasks", only(environmentIds=environment_ids), TASKS)

    def execution_pages(
        self,
        environment_ids: Iterable[Id] = (),
        phases: Iterable[str] = (),
        task_ids: Iterable[Id] = (),
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Page[TaskExecutionDocument]]:
        """Executions in `phases` (TASK_EXECUTION_PHASE_…) or all, newest first."""
        message = only(environmentIds=environment_ids, phases=phases, taskIds=task_ids)
        return self._list(f"{_AUTOMATIONS}/ListTaskExecutions", message, EXECUTIONS, page_size)

    def get_service(self, service_id: Id) -> ServiceDocument:
        """One service as it is now."""
        return self._get(f"{_AUTOMATIONS}/GetService", {"id": service_id}, "service", read_service)

    def get_task(self, task_id: Id) -> TaskDocument:
        """One task definition as it is now."""
        return self._get(f"{_AUTOMATIONS}/GetTask", {"id": task_id}, "task", read_task)

    def get_task_execution(self, execution_id: Id) -> TaskExecutionDocument:
        """One execution as it is now."""
        return self._get(f"{_AUTOMATIONS}/GetTaskExecution", {"id": execution_id}, "taskExecution", read_execution)

    def create_service(
        self, environment_id: Id, *, metadata: Mapping[str, Any], spec: Mapping[str, Any]
    ) -> ServiceDocument:
        """Create a service (ServiceMetadata, ServiceSpec), stopped."""
        message = {"environmentId": environment_id, "metadata": metadata, "spec": spec}
        return self._create(f"{_AUTOMATIONS}/CreateService", message, "service", read_service)

    def update_service(
        self, service_id: Id, *, metadata: Mapping[str, Any] | None = None, spec: Mapping[str, Any] | None = None
    ) -> None:
        """Change the given fields; `spec` only while the service is stopped."""
        self._change(f"{_AUTOMATIONS}/UpdateService", {"id": service_id, **given(metadata=metadata, spec=spec)})

    def delete_service(self, service_id: Id, *, force: bool = False) -> None:
        """Delete a service permanently; one that is not stopped requires `force`."""
        self._change(f"{_AUTOMATIONS}/DeleteService", {"id": service_id, **({"force": True} if force else {})})

    def start_service(self, service_id: Id) -> None:
        """Start a service; returns before it runs, no error if it does already."""
        self._change(f"{_AUTOMATIONS}/StartService", {"id": service_id})

    def stop_service(self, service_id: Id) -> None:
        """Stop a service; returns before it has stopped, no error if it has already."""
        self._change(f"{_AUTOMATIONS}/StopService", {"id": service_id})

    def create_task(
        self, environment_id: Id, *, metadata: Mapping[str, Any], spec: Mapping[str, Any], depends_on: Sequence[Id] = ()
    ) -> TaskDocument:
        """Create a task (TaskMetadata, TaskSpec)."""
        message = {"environmentId": environment_id, "metadata": metadata, "spec": spec, "dependsOn": depends_on}
        return self._create(f"{_AUTOMATIONS}/CreateTask", message, "task", read_task)

    def update_task(
        self,
        task_id: Id,
        *,
        metadata: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
        depends_on: Sequence[Id] | None = None,
    ) -> None:
        """Change the given fields. An empty `depends_on` equals none: proto3 omits both."""
        message = {"id": task_id, **given(metadata=metadata, spec=spec, dependsOn=depends_on)}
        self._change(f"{_AUTOMATIONS}/UpdateTask", message)

    def delete_task(self, task_id: Id) -> None:
        """Delete a task permanently."""
        self._change(f"{_AUTOMATIONS}/DeleteTask", {"id": task_id})

    def start_task(self, task_id: Id) -> TaskExecutionDocument:
        """Start a new execution of the task, pending."""
        return self._create(f"{_AUTOMATIONS}/StartTask", {"id": task_id}, "taskExecution", read_execution)

    def stop_task_execution(self, execution_id: Id) -> None:
        """Cancel an execution; returns before it has ended, no error if it has already."""
        self._change(f"{_AUTOMATIONS}/StopTaskExecution", {"id": execution_id})

    def upsert_automations_file(self, environment_id: Id, file: Mapping[str, Any]) -> UpdatedAutomations:
        """Create and change services and tasks by reference, from `file` (AutomationsFile)."""
        message = {"environmentId": environment_id, "automationsFile": file}
        rpc = f"{_AUTOMATIONS}/UpsertAutomationsFile"
        return self._transport.call(rpc, message, lambda body, _: read_updated(body), repeatable=False)
