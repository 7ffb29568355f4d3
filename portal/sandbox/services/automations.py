"""EnvironmentAutomationService: services, tasks and executions."""

from typing import Any

from gitpod.v1 import environment_automation_pb2 as pb
from gitpod.v1.environment_automation_connect import EnvironmentAutomationService

from portal.sandbox import applying, editing, operations, queries
from portal.sandbox.documents import Document
from portal.sandbox.refusals import Refused
from portal.sandbox.services.common import answer, caller, document_of, listing
from portal.sandbox.world import World


class Automations(EnvironmentAutomationService):
    """Answers from a world; refusals are raised as Refused and become Connect errors at the gate."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _own(self, kind: str, identifier: str) -> Document:
        entry = self._world.table(kind).entries.get(identifier)
        who = caller.get()
        if entry is None or (not who.sees_all and entry.facts.creator != who.subject):
            raise Refused("not_found", f"{kind.lower().replace('_', ' ')} {identifier} not found")
        return entry.document()

    async def get_service(self, request: Any, ctx: Any) -> pb.GetServiceResponse:
        """One service."""
        return answer(pb.GetServiceResponse, {"service": self._own("SERVICE", request.id)})

    async def get_task(self, request: Any, ctx: Any) -> pb.GetTaskResponse:
        """One task."""
        return answer(pb.GetTaskResponse, {"task": self._own("TASK", request.id)})

    async def get_task_execution(self, request: Any, ctx: Any) -> pb.GetTaskExecutionResponse:
        """One execution."""
        return answer(pb.GetTaskExecutionResponse, {"taskExecution": self._own("TASK_EXECUTION", request.id)})

    async def list_services(self, request: Any, ctx: Any) -> pb.ListServicesResponse:
        """A page of services."""
        return listing(pb.ListServicesResponse, "services", queries.services(self._world, request, caller.get()))

    async def list_tasks(self, request: Any, ctx: Any) -> pb.ListTasksResponse:
        """A page of tasks."""
        return listing(pb.ListTasksResponse, "tasks", queries.tasks(self._world, request, caller.get()))

    async def list_task_executions(self, request: Any, ctx: Any) -> pb.ListTaskExecutionsResponse:
        """A page of executions."""
        page = queries.executions(self._world, request, caller.get())
        return listing(pb.ListTaskExecutionsResponse, "taskExecutions", page)

    async def start_service(self, request: Any, ctx: Any) -> pb.StartServiceResponse:
        """Start; one that is up stays as it is."""
        with self._world.lock:
            self._own("SERVICE", request.id)
            operations.start_service(self._world, request.id)
        return pb.StartServiceResponse()

    async def stop_service(self, request: Any, ctx: Any) -> pb.StopServiceResponse:
        """Stop; one that is stopped stays as it is."""
        with self._world.lock:
            self._own("SERVICE", request.id)
            operations.stop_service(self._world, request.id)
        return pb.StopServiceResponse()

    async def start_task(self, request: Any, ctx: Any) -> pb.StartTaskResponse:
        """A new execution, PENDING."""
        with self._world.lock:
            self._own("TASK", request.id)
            execution = operations.start_task(self._world, request.id, caller.get().as_subject())
        return answer(pb.StartTaskResponse, {"taskExecution": execution})

    async def stop_task_execution(self, request: Any, ctx: Any) -> pb.StopTaskExecutionResponse:
        """Cancel; one that has ended stays as it is."""
        with self._world.lock:
            self._own("TASK_EXECUTION", request.id)
            operations.stop_execution(self._world, request.id)
        return pb.StopTaskExecutionResponse()

    async def create_service(self, request: Any, ctx: Any) -> pb.CreateServiceResponse:
        """A new service, stopped."""
        document = editing.create_service(self._world, document_of(request), caller.get())
        return answer(pb.CreateServiceResponse, {"service": document})

    async def create_task(self, request: Any, ctx: Any) -> pb.CreateTaskResponse:
        """A new task."""
        return answer(
            pb.CreateTaskResponse, {"task": editing.create_task(self._world, document_of(request), caller.get())}
        )

    async def update_service(self, request: Any, ctx: Any) -> pb.UpdateServiceResponse:
        """Change what is given; the spec only while the service is stopped."""
        with self._world.lock:
            editing.update_service(self._world, self._own("SERVICE", request.id), document_of(request))
        return pb.UpdateServiceResponse()

    async def update_task(self, request: Any, ctx: Any) -> pb.UpdateTaskResponse:
        """Change what is given."""
        with self._world.lock:
            editing.update_task(self._world, self._own("TASK", request.id), document_of(request))
        return pb.UpdateTaskResponse()

    async def delete_service(self, request: Any, ctx: Any) -> pb.DeleteServiceResponse:
        """Delete a stopped service, or any when forced."""
        with self._world.lock:
            editing.delete_service(self._world, self._own("SERVICE", request.id), force=request.force)
        return pb.DeleteServiceResponse()

    async def delete_task(self, request: Any, ctx: Any) -> pb.DeleteTaskResponse:
        """Delete a task nothing depends on."""
        with self._world.lock:
            editing.delete_task(self._world, self._own("TASK", request.id))
        return pb.DeleteTaskResponse()

    async def upsert_automations_file(self, request: Any, ctx: Any) -> pb.UpsertAutomationsFileResponse:
        """Create and update by reference; answers the ids that changed."""
        services, tasks = applying.upsert(self._world, document_of(request), caller.get())
        return pb.UpsertAutomationsFileResponse(updated_service_ids=services, updated_task_ids=tasks)
