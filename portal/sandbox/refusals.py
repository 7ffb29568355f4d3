"""Refusals: Connect codes with a message and, where the vendor sends one, a detail."""

from collections.abc import Sequence

from gitpod.v1 import environment_pb2, organization_pb2
from google.protobuf import json_format
from google.protobuf.message import Message


class Refused(Exception):
    """A request that cannot be granted; `code` is a Connect code such as failed_precondition."""

    def __init__(self, code: str, message: str, details: Sequence[Message] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)


def lifetime_exceeded(expired_at: str, policy: str) -> Refused:
    """A locked down environment cannot be started in strict mode (EnvironmentMaxLifetimeExceededDetails)."""
    detail = organization_pb2.EnvironmentMaxLifetimeExceededDetails()
    json_format.ParseDict({"expiredAt": expired_at, "policyValue": policy}, detail)
    return Refused("failed_precondition", f"environment exceeded its maximum lifetime at {expired_at}", (detail,))


def not_signed_in(host: str) -> Refused:
    """Nobody has given Ona access to the host of a repository (CreateEnvironmentPreconditionFailureDetails)."""
    detail = environment_pb2.CreateEnvironmentPreconditionFailureDetails(missing_authentication_tokens_for_hosts=[host])
    return Refused("failed_precondition", f"authentication is required for {host}", (detail,))
