"""People and service accounts, and their tokens."""

from typing import Any

from gitpod.v1 import service_account_pb2, user_pb2
from gitpod.v1.service_account_connect import ServiceAccountService
from gitpod.v1.user_connect import UserService

from portal.sandbox.access import SERVICE, Access
from portal.sandbox.documents import DAY, Document, rfc3339
from portal.sandbox.refusals import Refused
from portal.sandbox.services.common import answer, caller, plain_page
from portal.sandbox.world import World


class Users(UserService):
    """People by id, and their tokens."""

    def __init__(self, world: World, access: Access) -> None:
        self._world, self._access = world, access

    async def get_authenticated_user(self, request: Any, ctx: Any) -> user_pb2.GetAuthenticatedUserResponse:
        """The person the token belongs to."""
        return answer(user_pb2.GetAuthenticatedUserResponse, {"user": self._user(caller.get().subject)})

    async def get_user(self, request: user_pb2.GetUserRequest, ctx: Any) -> user_pb2.GetUserResponse:
        """A person of the organization."""
        return answer(user_pb2.GetUserResponse, {"user": self._user(request.user_id)})

    async def list_personal_access_tokens(
        self, request: user_pb2.ListPersonalAccessTokensRequest, ctx: Any
    ) -> user_pb2.ListPersonalAccessTokensResponse:
        """One's own tokens, and those of others for an admin."""
        own = caller.get().subject
        wanted = list(request.filter.user_ids) or [own]
        is_admin = self._world.organization.member(own).get("role") == "ORGANIZATION_ROLE_ADMIN"
        if wanted != [own] and not is_admin:
            raise Refused("permission_denied", "the tokens of others are an organization admin's to see")
        found = [token for subject in wanted for token in self._access.of(subject)]
        page, pagination = plain_page(found, request.pagination.page_size, request.pagination.token)
        document = {"personalAccessTokens": page, "pagination": pagination}
        return answer(user_pb2.ListPersonalAccessTokensResponse, document)

    def _user(self, identifier: str) -> Document:
        member = self._world.organization.member(identifier)
        if not member:
            raise Refused("not_found", f"user {identifier} not found")
        return {
            "id": identifier,
            "organizationId": self._world.organization.id,
            "name": member["fullName"],
            "email": member["email"],
            "status": member["status"],
            "createdAt": member["memberSince"],
        }


class ServiceAccounts(ServiceAccountService):
    """The one service account there is."""

    def __init__(self, world: World, access: Access) -> None:
        self._world, self._access = world, access

    async def get_service_account(self, request: Any, ctx: Any) -> service_account_pb2.GetServiceAccountResponse:
        """The account; it has a year left."""
        issued = self._access.issued[SERVICE]
        if request.service_account_id != issued.caller.subject:
            raise Refused("not_found", f"service account {request.service_account_id} not found")
        account = {
            "id": issued.caller.subject,
            "organizationId": self._world.organization.id,
            "name": "environment-portal",
            "createdAt": rfc3339(issued.created_at),
            "validUntil": rfc3339(self._world.instant + 365 * DAY),
        }
        return answer(service_account_pb2.GetServiceAccountResponse, {"serviceAccount": account})

    async def list_service_account_tokens(
        self, request: Any, ctx: Any
    ) -> service_account_pb2.ListServiceAccountTokensResponse:
        """Its tokens."""
        found = self._access.of(self._access.issued[SERVICE].caller.subject)
        page, pagination = plain_page(found, request.pagination.page_size, request.pagination.token)
        return answer(service_account_pb2.ListServiceAccountTokensResponse, {"tokens": page, "pagination": pagination})
