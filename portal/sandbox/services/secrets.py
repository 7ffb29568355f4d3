"""SecretService. Values go in and never come out."""

from typing import Any

from gitpod.v1 import secret_pb2
from gitpod.v1.secret_connect import SecretService

from portal.sandbox import queries, secret_requests
from portal.sandbox.refusals import Refused
from portal.sandbox.services.common import answer, caller, document_of, listing
from portal.sandbox.world import World


class Secrets(SecretService):
    """Answers from a world; refusals are raised as Refused and become Connect errors at the gate."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def create_secret(self, request: Any, ctx: Any) -> secret_pb2.CreateSecretResponse:
        """A new secret of a scope."""
        document = secret_requests.create(self._world, request, document_of(request), caller.get())
        return answer(secret_pb2.CreateSecretResponse, {"secret": document})

    async def update_secret_value(self, request: Any, ctx: Any) -> secret_pb2.UpdateSecretValueResponse:
        """A new value."""
        secret_requests.set_value(self._world, request, caller.get())
        return secret_pb2.UpdateSecretValueResponse()

    async def list_secrets(self, request: Any, ctx: Any) -> secret_pb2.ListSecretsResponse:
        """A page of the secrets of one scope, or of all the caller sees, newest first."""
        with self._world.lock:
            page = queries.secrets(self._world, request, caller.get())
            return listing(secret_pb2.ListSecretsResponse, "secrets", page)

    async def delete_secret(self, request: Any, ctx: Any) -> secret_pb2.DeleteSecretResponse:
        """Delete for good."""
        secret_requests.delete(self._world, request.secret_id, caller.get())
        return secret_pb2.DeleteSecretResponse()

    async def get_secret_value(self, request: Any, ctx: Any) -> secret_pb2.GetSecretValueResponse:
        """Always refused: not even the stand-in stores the value."""
        secret_requests.get(self._world, request.secret_id, caller.get())
        raise Refused("permission_denied", "values are only given to environments")
