"""EventService: WatchEvents sends ids and operations, without content or cursor; audit logs name the actors."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from gitpod.v1 import event_pb2
from gitpod.v1.event_connect import EventService

from portal.sandbox import audit, operations
from portal.sandbox.refusals import Refused
from portal.sandbox.services.common import answer, caller, connection
from portal.sandbox.world import World
from portal.sandbox.world_state import Event

_ORGANIZATION = ("ENVIRONMENT", "PROJECT", "RUNNER")
_ENVIRONMENT = ("ENVIRONMENT", "TASK", "TASK_EXECUTION", "SERVICE")
_LONGEST_QUEUE = 10_000


class Events(EventService):
    """Streams the world's events, until the client leaves or the server closes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queues: set[asyncio.Queue[Event | None]] = set()

    @property
    def watching(self) -> int:
        """How many streams are open."""
        return len(self._queues)

    def close(self) -> None:
        """End every stream as a server that shuts down does."""
        for queue in list(self._queues):
            queue.put_nowait(None)

    async def watch_events(
        self, request: event_pb2.WatchEventsRequest, ctx: Any
    ) -> AsyncIterator[event_pb2.WatchEventsResponse]:
        """Events of the organization, or of one environment and its automations."""
        who = caller.get()
        wanted = _wanted(request)
        if request.environment_id:
            operations.environment(self._world, request.environment_id)
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[Event | None]()

        def hear(event: Event) -> None:
            if (who.sees_all or event.creator == who.subject) and wanted(event):
                loop.call_soon_threadsafe(_offer, queue, event)

        silence = self._world.listen(hear)
        self._queues.add(queue)
        connection.get().on_departure = lambda: queue.put_nowait(None)
        try:
            await connection.get().opened()
            while (event := await queue.get()) is not None:
                yield event_pb2.WatchEventsResponse(
                    operation=event_pb2.ResourceOperation.Value(f"RESOURCE_OPERATION_{event.operation}"),
                    resource_type=event_pb2.ResourceType.Value(f"RESOURCE_TYPE_{event.resource}"),
                    resource_id=event.id,
                )
        finally:
            silence()
            self._queues.discard(queue)

    async def list_audit_logs(self, request: Any, ctx: Any) -> event_pb2.ListAuditLogsResponse:
        """A page of what people and tokens did."""
        entries, pagination = audit.list_entries(self._world, request, caller.get())
        return answer(event_pb2.ListAuditLogsResponse, {"entries": entries, "pagination": pagination})

    async def get_audit_log(self, request: Any, ctx: Any) -> event_pb2.GetAuditLogResponse:
        """One entry."""
        entry = audit.get_entry(self._world, request.audit_log_entry_id, caller.get())
        return answer(event_pb2.GetAuditLogResponse, {"entry": entry})


def _offer(queue: asyncio.Queue[Event | None], event: Event) -> None:
    if queue.qsize() < _LONGEST_QUEUE:
        queue.put_nowait(event)


def _wanted(request: event_pb2.WatchEventsRequest) -> Any:
    """A test for events: the scope, and the resource filters where there are any."""
    if not request.WhichOneof("scope"):
        raise Refused("invalid_argument", "scope: organization or environmentId is required")
    kinds = _ENVIRONMENT if request.environment_id else _ORGANIZATION
    filters = [
        (
            event_pb2.ResourceType.Name(each.resource_type).removeprefix("RESOURCE_TYPE_"),
            set(each.resource_ids),
            set(each.creator_ids),
        )
        for each in request.resource_type_filters
    ]

    def test(event: Event) -> bool:
        if event.resource not in kinds or (request.environment_id and event.environment != request.environment_id):
            return False
        return not filters or any(
            event.resource == kind and (not ids or event.id in ids) and (not creators or event.creator in creators)
            for kind, ids, creators in filters
        )

    return test
