"""Identity, organization, members, projects and runners."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from gitpod.v1 import (
    identity_pb2,
    login_provider_pb2,
    organization_pb2,
    project_pb2,
    runner_configuration_pb2,
    runner_pb2,
    user_pb2,
)
from gitpod.v1.identity_connect import IdentityService
from gitpod.v1.organization_connect import OrganizationService
from gitpod.v1.project_connect import ProjectService
from gitpod.v1.runner_configuration_connect import RunnerConfigurationService
from gitpod.v1.runner_connect import RunnerService

from portal.sandbox.documents import Document
from portal.sandbox.refusals import Refused
from portal.sandbox.services.common import answer, caller, plain_page
from portal.sandbox.world import World


def counted(request: Any, matching: int) -> Document:
    """`count`, where it is requested."""
    return {"count": {"value": matching, "relation": "COUNT_RESPONSE_RELATION_EQ"}} if request.count.include else {}


def _only(documents: Iterable[Document], values: Iterable[Any], get: Callable[[Document], Any]) -> list[Document]:
    wanted = set(values)
    return [document for document in documents if not wanted or get(document) in wanted]


class Identity(IdentityService):
    """Who the token is."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get_authenticated_identity(self, request: Any, ctx: Any) -> identity_pb2.GetAuthenticatedIdentityResponse:
        """The subject of the token and its organization."""
        organization = self._world.organization
        return answer(
            identity_pb2.GetAuthenticatedIdentityResponse,
            {"subject": caller.get().as_subject(), "organizationId": organization.id, "organizationTier": "enterprise"},
        )


class Organizations(OrganizationService):
    """The organization, its members and its policies."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _require(self, identifier: str) -> None:
        if identifier != self._world.organization.id:
            raise Refused("not_found", f"organization {identifier} not found")

    async def get_organization(self, request: Any, ctx: Any) -> organization_pb2.GetOrganizationResponse:
        """The organization itself."""
        self._require(request.organization_id)
        return answer(organization_pb2.GetOrganizationResponse, {"organization": self._world.organization.document})

    async def get_organization_policies(
        self, request: Any, ctx: Any
    ) -> organization_pb2.GetOrganizationPoliciesResponse:
        """What applies to every environment of the organization."""
        self._require(request.organization_id)
        return answer(organization_pb2.GetOrganizationPoliciesResponse, {"policies": self._world.organization.policies})

    async def list_members(
        self, request: organization_pb2.ListMembersRequest, ctx: Any
    ) -> organization_pb2.ListMembersResponse:
        """Members in order of joining, or by name."""
        self._require(request.organization_id)
        matching = self._matching(request.filter)
        sort = organization_pb2.ListMembersRequest.SortField
        if request.sort.field == sort.SORT_FIELD_NAME:
            matching.sort(key=lambda member: member["fullName"].casefold())
        page, pagination = plain_page(matching, request.pagination.page_size, request.pagination.token)
        document = {"members": page, "pagination": pagination, **counted(request, len(matching))}
        return answer(organization_pb2.ListMembersResponse, document)

    def _matching(self, requested: organization_pb2.ListMembersRequest.Filter) -> list[Document]:
        matching = _only(self._world.organization.members, requested.user_ids, lambda member: member["userId"])
        roles = [organization_pb2.OrganizationRole.Name(value) for value in requested.roles]
        matching = _only(matching, roles, lambda member: member["role"])
        matching = _only(
            matching, [user_pb2.UserStatus.Name(value) for value in requested.statuses], lambda member: member["status"]
        )
        matching = _only(matching, [requested.email] if requested.email else [], lambda member: member["email"])
        if requested.login_provider:
            name = login_provider_pb2.LoginProviderKind.Name(requested.login_provider).rpartition("_")[2].lower()
            matching = _only(matching, [name], lambda member: member["loginProvider"])
        words = requested.search.casefold()
        return [member for member in matching if words in f"{member['fullName']}\n{member['email']}".casefold()]


class Projects(ProjectService):
    """The organization's projects."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get_project(self, request: project_pb2.GetProjectRequest, ctx: Any) -> project_pb2.GetProjectResponse:
        """One project."""
        for project in self._world.organization.projects:
            if project["id"] == request.project_id:
                return answer(project_pb2.GetProjectResponse, {"project": project})
        raise Refused("not_found", f"project {request.project_id} not found")

    async def list_projects(
        self, request: project_pb2.ListProjectsRequest, ctx: Any
    ) -> project_pb2.ListProjectsResponse:
        """Projects, filtered by id, creator and words in the name."""
        requested, words = request.filter, request.filter.search.casefold()
        matching = _only(self._world.organization.projects, requested.project_ids, lambda project: project["id"])
        matching = _only(matching, requested.creator_ids, lambda project: project["metadata"]["creator"]["id"])
        matching = [project for project in matching if words in project["metadata"]["name"].casefold()]
        page, pagination = plain_page(matching, request.pagination.page_size, request.pagination.token)
        document = {"projects": page, "pagination": pagination, **counted(request, len(matching))}
        return answer(project_pb2.ListProjectsResponse, document)


class Runners(RunnerService):
    """Where environments run."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get_runner(self, request: runner_pb2.GetRunnerRequest, ctx: Any) -> runner_pb2.GetRunnerResponse:
        """One runner."""
        for runner in self._world.organization.runners:
            if runner["runnerId"] == request.runner_id:
                return answer(runner_pb2.GetRunnerResponse, {"runner": runner})
        raise Refused("not_found", f"runner {request.runner_id} not found")

    async def list_runners(self, request: runner_pb2.ListRunnersRequest, ctx: Any) -> runner_pb2.ListRunnersResponse:
        """Runners, filtered by creator, kind and provider."""
        requested = request.filter
        matching = _only(
            self._world.organization.runners, requested.creator_ids, lambda runner: runner["creator"]["id"]
        )
        matching = _only(
            matching,
            [runner_configuration_pb2.RunnerKind.Name(v) for v in requested.kinds],
            lambda runner: runner["kind"],
        )
        matching = _only(
            matching,
            [runner_configuration_pb2.RunnerProvider.Name(v) for v in requested.providers],
            lambda runner: runner["provider"],
        )
        page, pagination = plain_page(matching, request.pagination.page_size, request.pagination.token)
        return answer(runner_pb2.ListRunnersResponse, {"runners": page, "pagination": pagination})

    async def parse_context_url(
        self, request: runner_pb2.ParseContextURLRequest, ctx: Any
    ) -> runner_pb2.ParseContextURLResponse:
        """The repository behind an address, and the projects that are made for it."""
        parts = urlsplit(request.context_url)
        owner, _, repository = parts.path.strip("/").removesuffix(".git").partition("/")
        name, _, branch = repository.partition("/tree/")
        known = self._world.organization.repositories
        projects = [project for project, each in known.items() if each.path == f"{owner}/{name}"]
        git = {"cloneUrl": f"https://{parts.netloc}/{owner}/{name}.git", "branch": branch or "main"}
        document = {
            "originalContextUrl": request.context_url,
            "git": {**git, "host": parts.netloc, "owner": owner, "repo": name},
            "projectIds": projects,
        }
        return answer(runner_pb2.ParseContextURLResponse, document)

    async def check_authentication_for_host(
        self, request: Any, ctx: Any
    ) -> runner_pb2.CheckAuthenticationForHostResponse:
        """Everybody is signed in to every host: the stand-in clones nothing."""
        return runner_pb2.CheckAuthenticationForHostResponse(authenticated=True, scm_id="github", scm_name=request.host)


class RunnerConfiguration(RunnerConfigurationService):
    """Machine classes by id; lists of them are EnvironmentService.ListEnvironmentClasses."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def get_environment_class(
        self, request: Any, ctx: Any
    ) -> runner_configuration_pb2.GetEnvironmentClassResponse:
        """One class."""
        for each in self._world.organization.classes:
            if each["id"] == request.environment_class_id:
                return answer(runner_configuration_pb2.GetEnvironmentClassResponse, {"environmentClass": each})
        raise Refused("not_found", f"environment class {request.environment_class_id} not found")
