"""The quick way for plain JSON lists and gets: the documents' own bytes are joined, nothing is built or parsed again.

It answers only what it is sure of; everything else (binary, refusals, streams, writes) is left to the vendor's stubs,
which answer from the same tables, so both ways say the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from gitpod.v1 import environment_automation_pb2 as automation_pb2
from gitpod.v1 import environment_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from portal.sandbox import queries
from portal.sandbox.access import Access, Caller
from portal.sandbox.queries import Page
from portal.sandbox.refusals import Refused
from portal.sandbox.table import Table
from portal.sandbox.validation import Validation
from portal.sandbox.world import World


@dataclass(frozen=True, slots=True)
class _List:
    request: type[Message]
    query: Callable[[World, Any, Caller], Page]
    field: bytes


@dataclass(frozen=True, slots=True)
class _Get:
    parameter: str
    table: Callable[[World], Table[Any]]
    field: bytes


_LISTS: Mapping[str, _List] = {
    "EnvironmentService/ListEnvironments": _List(
        environment_pb2.ListEnvironmentsRequest, queries.environments, b"environments"
    ),
    "EnvironmentAutomationService/ListServices": _List(
        automation_pb2.ListServicesRequest, queries.services, b"services"
    ),
    "EnvironmentAutomationService/ListTasks": _List(automation_pb2.ListTasksRequest, queries.tasks, b"tasks"),
    "EnvironmentAutomationService/ListTaskExecutions": _List(
        automation_pb2.ListTaskExecutionsRequest, queries.executions, b"taskExecutions"
    ),
}
_GETS: Mapping[str, _Get] = {
    "EnvironmentService/GetEnvironment": _Get("environmentId", lambda world: world.environments, b"environment"),
    "EnvironmentAutomationService/GetService": _Get("id", lambda world: world.services, b"service"),
    "EnvironmentAutomationService/GetTask": _Get("id", lambda world: world.tasks, b"task"),
    "EnvironmentAutomationService/GetTaskExecution": _Get("id", lambda world: world.executions, b"taskExecution"),
}


class Fast:
    """Answers some requests as bytes."""

    def __init__(self, world: World, access: Access, validation: Validation) -> None:
        self._world = world
        self._access = access
        self._validation = validation

    @staticmethod
    def may_know(rpc: str, headers: Mapping[bytes, bytes]) -> bool:
        """Whether it is worth reading the body for this RPC (`Service/Method`, without the package)."""
        plain = headers.get(b"content-type") == b"application/json" and b"content-encoding" not in headers
        return plain and (rpc in _LISTS or rpc in _GETS)

    def answer(self, rpc: str, authorization: str, body: bytes) -> bytes | None:
        """The JSON answer, or None where the stubs should answer (also with every refusal)."""
        try:
            caller = self._access.caller(authorization)
            return self._listed(_LISTS[rpc], caller, body) if rpc in _LISTS else self._got(_GETS[rpc], caller, body)
        except (Refused, json_format.ParseError, msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _listed(self, how: _List, caller: Caller, body: bytes) -> bytes:
        request = how.request()
        json_format.Parse(body or b"{}", request)
        self._validation.check(request)
        with self._world.lock:
            page = how.query(self._world, request, caller)
            documents = b",".join([entry.body for entry in page.entries])
        around = msgspec.json.encode(page.envelope())
        return b"".join((around[:-1], b',"', how.field, b'":[', documents, b"]}")) if documents else around

    def _got(self, how: _Get, caller: Caller, body: bytes) -> bytes | None:
        request = msgspec.json.decode(body)
        if not isinstance(request, dict) or len(request) != 1:
            return None
        entry = how.table(self._world).entries.get(str(request.get(how.parameter)))
        if entry is None or not (caller.sees_all or entry.facts.creator == caller.subject):
            return None
        return b"".join((b'{"', how.field, b'":', entry.body, b"}"))
