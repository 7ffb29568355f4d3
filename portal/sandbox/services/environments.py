"""EnvironmentService: lists, gets, and all operations on an environment."""

from typing import Any

from gitpod.v1 import environment_pb2, runner_configuration_pb2
from gitpod.v1.environment_connect import EnvironmentService

from portal.sandbox import creation, operations, queries, tokens, updates
from portal.sandbox.documents import Document
from portal.sandbox.refusals import Refused
from portal.sandbox.services.common import answer, caller, document_of, listing, plain_page
from portal.sandbox.world import World


class Environments(EnvironmentService):
    """Answers from a world; refusals are raised as Refused and become Connect errors at the gate."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _own(self, identifier: str) -> Document:
        """The environment, not_found also where the caller may not see it."""
        document = operations.environment(self._world, identifier)
        who = caller.get()
        if not who.sees_all and document["metadata"].get("creator", {}).get("id") != who.subject:
            raise Refused("not_found", f"environment {identifier} not found")
        return document

    async def get_environment(self, request: Any, ctx: Any) -> environment_pb2.GetEnvironmentResponse:
        """One environment."""
        with self._world.lock:
            return answer(environment_pb2.GetEnvironmentResponse, {"environment": self._own(request.environment_id)})

    async def list_environments(
        self, request: environment_pb2.ListEnvironmentsRequest, ctx: Any
    ) -> environment_pb2.ListEnvironmentsResponse:
        """A page of environments."""
        with self._world.lock:
            page = queries.environments(self._world, request, caller.get())
            return listing(environment_pb2.ListEnvironmentsResponse, "environments", page)

    async def list_environment_classes(
        self, request: runner_configuration_pb2.ListEnvironmentClassesRequest, ctx: Any
    ) -> runner_configuration_pb2.ListEnvironmentClassesResponse:
        """Machine classes of all runners."""
        wanted, organization = request.filter, self._world.organization
        runners = {runner["runnerId"]: runner for runner in organization.runners}
        kinds = [runner_configuration_pb2.RunnerKind.Name(value) for value in wanted.runner_kinds]
        providers = [runner_configuration_pb2.RunnerProvider.Name(value) for value in wanted.runner_providers]
        enabled = {
            flag
            for flag in (
                wanted.enabled if wanted.HasField("enabled") else None,
                wanted.can_create_environments if wanted.HasField("can_create_environments") else None,
            )
            if flag is not None
        }
        found = [
            each
            for each in organization.classes
            if (not wanted.runner_ids or each["runnerId"] in wanted.runner_ids)
            and (not kinds or runners[each["runnerId"]]["kind"] in kinds)
            and (not providers or runners[each["runnerId"]]["provider"] in providers)
            and all(each.get("enabled", False) == flag for flag in enabled)
        ]
        page, pagination = plain_page(found, request.pagination.page_size, request.pagination.token)
        document = {"environmentClasses": page, "pagination": pagination}
        return answer(runner_configuration_pb2.ListEnvironmentClassesResponse, document)

    async def create_environment(self, request: Any, ctx: Any) -> environment_pb2.CreateEnvironmentResponse:
        """A new environment, CREATING."""
        document = creation.create(self._world, document_of(request), caller.get())
        return answer(environment_pb2.CreateEnvironmentResponse, {"environment": document})

    async def create_environment_from_project(
        self, request: Any, ctx: Any
    ) -> environment_pb2.CreateEnvironmentFromProjectResponse:
        """A new environment from its project, overridden by the request."""
        document = creation.create_from_project(self._world, document_of(request), caller.get())
        return answer(environment_pb2.CreateEnvironmentFromProjectResponse, {"environment": document})

    async def start_environment(self, request: Any, ctx: Any) -> environment_pb2.StartEnvironmentResponse:
        """Start; does not wait."""
        with self._world.lock:
            self._own(request.environment_id)
            operations.start(self._world, request.environment_id)
        return environment_pb2.StartEnvironmentResponse()

    async def stop_environment(self, request: Any, ctx: Any) -> environment_pb2.StopEnvironmentResponse:
        """Stop; does not wait."""
        with self._world.lock:
            self._own(request.environment_id)
            operations.stop(self._world, request.environment_id)
        return environment_pb2.StopEnvironmentResponse()

    async def update_environment(self, request: Any, ctx: Any) -> environment_pb2.UpdateEnvironmentResponse:
        """Change what may be changed, and only what was given."""
        with self._world.lock:
            document = self._own(request.environment_id)
            updates.update(self._world, document, request, caller.get())
        return environment_pb2.UpdateEnvironmentResponse()

    async def delete_environment(self, request: Any, ctx: Any) -> environment_pb2.DeleteEnvironmentResponse:
        """Delete for good, stopping first unless forced."""
        with self._world.lock:
            self._own(request.environment_id)
            operations.delete(self._world, request.environment_id, force=request.force)
        return environment_pb2.DeleteEnvironmentResponse()

    async def archive_environment(self, request: Any, ctx: Any) -> environment_pb2.ArchiveEnvironmentResponse:
        """Archive, stopping first."""
        with self._world.lock:
            self._own(request.environment_id)
            operations.archive(self._world, request.environment_id)
        return environment_pb2.ArchiveEnvironmentResponse()

    async def unarchive_environment(self, request: Any, ctx: Any) -> environment_pb2.UnarchiveEnvironmentResponse:
        """Bring back from the archive."""
        with self._world.lock:
            self._own(request.environment_id)
            operations.unarchive(self._world, request.environment_id)
        return environment_pb2.UnarchiveEnvironmentResponse()

    async def mark_environment_active(
        self, request: environment_pb2.MarkEnvironmentActiveRequest, ctx: Any
    ) -> environment_pb2.MarkEnvironmentActiveResponse:
        """Note activity at the time given, or now."""
        with self._world.lock:
            self._own(request.environment_id)
            stamp = request.activity_signal.timestamp
            given = request.activity_signal.HasField("timestamp")
            at = stamp.seconds * 1_000_000 + stamp.nanos // 1000 if given else self._world.instant
            operations.mark_active(self._world, request.environment_id, request.activity_signal.source or "api", at)
        return environment_pb2.MarkEnvironmentActiveResponse()

    async def create_environment_access_token(
        self, request: Any, ctx: Any
    ) -> environment_pb2.CreateEnvironmentAccessTokenResponse:
        """A token for the environment, valid for an hour."""
        self._own(request.environment_id)
        token = tokens.issue(self._world, "access", request.environment_id)
        return environment_pb2.CreateEnvironmentAccessTokenResponse(access_token=token)

    async def create_environment_logs_token(
        self, request: Any, ctx: Any
    ) -> environment_pb2.CreateEnvironmentLogsTokenResponse:
        """A token for the environment's logs, valid for an hour."""
        self._own(request.environment_id)
        token = tokens.issue(self._world, "logs", request.environment_id)
        return environment_pb2.CreateEnvironmentLogsTokenResponse(access_token=token)

    async def create_port_access_token(self, request: Any, ctx: Any) -> environment_pb2.CreatePortAccessTokenResponse:
        """A token for one shared port."""
        self._shared_port(request.environment_id, request.port)
        token = tokens.issue(self._world, f"port-{request.port}", request.environment_id)
        return environment_pb2.CreatePortAccessTokenResponse(access_token=token)

    async def allow_port_access(self, request: Any, ctx: Any) -> environment_pb2.AllowPortAccessResponse:
        """Whether the caller may reach a port: its owner always, others where it is shared with them."""
        document = operations.environment(self._world, request.environment_id)
        owner = document["metadata"].get("creator", {}).get("id") == caller.get().subject
        levels = [p["admission"] for p in document["spec"].get("ports", []) if p["port"] == request.port]
        shared = any(level in ("ADMISSION_LEVEL_EVERYONE", "ADMISSION_LEVEL_ORGANIZATION") for level in levels)
        return environment_pb2.AllowPortAccessResponse(allowed=bool(levels) and (owner or shared))

    def _shared_port(self, identifier: str, port: int) -> None:
        if all(each["port"] != port for each in self._own(identifier)["spec"].get("ports", [])):
            raise Refused("not_found", f"environment {identifier} shares no port {port}")
