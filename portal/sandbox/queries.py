"""Answers list requests from the vendor's request messages; the fast and the slow path share it."""

import base64
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter
from typing import Any

from gitpod.v1 import environment_automation_pb2 as automation_pb2
from gitpod.v1 import environment_pb2, pagination_pb2, runner_configuration_pb2, secret_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from portal.sandbox import secret_requests
from portal.sandbox.access import Caller
from portal.sandbox.facts import AutomationFacts, EnvironmentFacts, SecretFacts, scope_key
from portal.sandbox.refusals import Refused
from portal.sandbox.table import Entry, Key, Table
from portal.sandbox.world_state import WorldState

_DEFAULT_PAGE = 25
_COUNTED = 10_000  # a count that has to read each document stops here, as "at least"
_NOBODY = "nobody"
_Request = environment_pb2.ListEnvironmentsRequest
Wanted = Mapping[str, Collection[Any]]


@dataclass(slots=True)
class Page:
    """One page of documents; `total` is None where it was not requested."""

    entries: list[Entry[Any]] = field(default_factory=list)
    next_token: str = ""
    total: int | None = None
    exact: bool = True

    def envelope(self) -> dict[str, Any]:
        """`pagination` and `count` as they stand beside the documents."""
        around: dict[str, Any] = {"pagination": {"nextToken": self.next_token} if self.next_token else {}}
        if self.total is not None:
            relation = "COUNT_RESPONSE_RELATION_EQ" if self.exact else "COUNT_RESPONSE_RELATION_GTE"
            around["count"] = {"value": self.total, "relation": relation} if self.total else {"relation": relation}
        return around


def encode_token(*parts: object) -> str:
    """An opaque token that says where a page ended."""
    return base64.urlsafe_b64encode("|".join(map(str, parts)).encode()).decode().rstrip("=")


def decode_token(token: str) -> Key:
    """The number and the id that were given to encode_token; Refused where the token is none of ours."""
    try:
        number, identifier = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split("|")
        return int(number), identifier
    except ValueError:
        raise Refused("invalid_argument", "pagination.token: not a token of this list") from None


def _page(matching: Iterator[Entry[Any]], size: int, key: Callable[[Entry[Any]], Key] = attrgetter("key")) -> Page:
    size = size or _DEFAULT_PAGE
    entries = list(islice(matching, size + 1))
    return Page(entries[:size], encode_token(*key(entries[size - 1])) if len(entries) > size else "")


def environments(world: WorldState, request: _Request, caller: Caller) -> Page:
    """A page of environments. Source: EnvironmentService.ListEnvironments."""
    requested = request.filter
    wanted = _environment_wants(requested, caller)
    accept = _environment_accepts(requested)
    below = (_instant(requested.created_before), "") if requested.HasField("created_before") else None
    with world.lock:
        page = _sorted(world.environments, request, wanted, accept, below)
        if request.count.include:
            page.total, page.exact = world.environments.count(wanted, accept, below, _COUNTED)
    return page


def _environment_wants(requested: _Request.Filter, caller: Caller) -> Wanted:
    archival = _Request.ArchivalStatus
    status = requested.archival_status or archival.ARCHIVAL_STATUS_ACTIVE
    return {
        "runner": requested.runner_ids,
        "phase": [environment_pb2.EnvironmentPhase.Name(value) for value in requested.status_phases],
        "creator": own(requested.creator_ids, caller),
        "project": requested.project_ids,
        "runner_kind": [runner_configuration_pb2.RunnerKind.Name(value) for value in requested.runner_kinds],
        "role": [environment_pb2.EnvironmentRole.Name(value) for value in requested.roles],
        "archived": [] if status == archival.ARCHIVAL_STATUS_ALL else [status == archival.ARCHIVAL_STATUS_ARCHIVED],
    }


def _environment_accepts(requested: _Request.Filter) -> Callable[[EnvironmentFacts], bool] | None:
    tests: list[Callable[[EnvironmentFacts], bool]] = []
    if requested.HasField("lockdown_before"):
        before = _instant(requested.lockdown_before)
        tests.append(lambda facts: 0 < facts.lockdown_at < before)
    if requested.search:
        words = requested.search.casefold()
        tests.append(lambda facts: words in facts.search)
    if requested.session_ids:
        sessions = set(requested.session_ids)
        tests.append(lambda facts: facts.session in sessions)
    return (lambda facts: all(test(facts) for test in tests)) if tests else None


def _sorted(
    table: Table[EnvironmentFacts],
    request: _Request,
    wanted: Wanted,
    accept: Callable[[EnvironmentFacts], bool] | None,
    below: Key | None,
) -> Page:
    size, token = request.pagination.page_size, request.pagination.token
    after = decode_token(token) if token else None
    if request.sort.field == _Request.SortField.SORT_FIELD_UNSPECIFIED:
        start = min(key for key in (below, after) if key) if below or after else None
        return _page(table.walk(wanted, accept, start), size)
    descending = request.sort.order != pagination_pb2.SORT_ORDER_ASC
    if request.sort.field == _Request.SortField.SORT_FIELD_ID:
        entries = table.by_id(after[1] if after else "", descending=descending)
        return _page((entry for entry in entries if table.matches(entry, wanted, accept, below)), size)
    matching = table.walk(wanted, accept, below)
    entries = iter(sorted(matching, key=_archived, reverse=descending))
    if after:
        passed = after
        entries = (
            entry for entry in entries if (_archived(entry) < passed if descending else _archived(entry) > passed)
        )
    return _page(entries, size, _archived)


def _archived(entry: Entry[EnvironmentFacts]) -> Key:
    return entry.facts.archived_at, entry.key[1]


def own(creators: Iterable[str], caller: Caller) -> list[str]:
    """The requested creators, reduced to the caller where they see only their own resources."""
    requested = list(creators)
    if caller.sees_all:
        return requested
    return [caller.subject] if not requested or caller.subject in requested else [_NOBODY]


def services(world: WorldState, request: automation_pb2.ListServicesRequest, caller: Caller) -> Page:
    """A page of services. Source: EnvironmentAutomationService.ListServices."""
    requested = request.filter
    roles = {automation_pb2.ServiceRole.Name(value) for value in requested.roles}
    return _automations(
        world,
        world.services,
        request,
        requested.service_ids,
        caller,
        {
            "reference": set(requested.references),
            "role": roles,
        },
    )


def tasks(world: WorldState, request: automation_pb2.ListTasksRequest, caller: Caller) -> Page:
    """A page of tasks. Source: EnvironmentAutomationService.ListTasks."""
    requested = request.filter
    return _automations(
        world, world.tasks, request, requested.task_ids, caller, {"reference": set(requested.references)}
    )


def executions(world: WorldState, request: automation_pb2.ListTaskExecutionsRequest, caller: Caller) -> Page:
    """A page of executions. Source: EnvironmentAutomationService.ListTaskExecutions."""
    requested = request.filter
    phases = {automation_pb2.TaskExecutionPhase.Name(value) for value in requested.phases}
    return _automations(
        world,
        world.executions,
        request,
        (),
        caller,
        {
            "task": set(requested.task_ids),
            "reference": set(requested.task_references),
            "phase": phases,
        },
    )


def secrets(world: WorldState, request: secret_pb2.ListSecretsRequest, caller: Caller) -> Page:
    """A page of secrets. Source: SecretService.ListSecrets."""
    requested = request.filter
    wanted = [f"projectId:{each}" for each in requested.project_ids]
    if requested.scope.WhichOneof("scope"):
        wanted = [scope_key(secret_requests.requested_scope(world, requested.scope))]
        if not secret_requests.may_see(caller, wanted[0]):
            raise Refused("permission_denied", "only organization admins see secrets of this scope")

    def accept(facts: SecretFacts) -> bool:
        return secret_requests.may_see(caller, facts.scope)

    after = decode_token(request.pagination.token) if request.pagination.token else None
    return _page(world.secrets.walk({"scope": wanted}, accept, after), request.pagination.page_size)


def _automations(
    world: WorldState,
    table: Table[AutomationFacts],
    request: Any,
    ids: Iterable[str],
    caller: Caller,
    wanted: dict[str, set[str]],
) -> Page:
    requested = {name: values for name, values in wanted.items() if values} | {"creator": set(own((), caller))}
    tests = [(attrgetter(name), values) for name, values in requested.items() if values]
    chosen = set(ids)
    after = decode_token(request.pagination.token) if request.pagination.token else None
    with world.lock:
        matching = table.walk(
            {"environment": request.filter.environment_ids},
            lambda facts: all(get(facts) in values for get, values in tests),
            after,
        )
        return _page(
            (entry for entry in matching if not chosen or entry.key[1] in chosen), request.pagination.page_size
        )


def _instant(stamp: Timestamp) -> int:
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000
