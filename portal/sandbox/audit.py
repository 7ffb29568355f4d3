"""The organization's audit log: listing it, and recording changes in it. Values are never recorded."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from gitpod.v1 import event_pb2, identity_pb2, pagination_pb2

from portal.sandbox.access import Caller
from portal.sandbox.audit_log import CHANGE, CREDENTIAL, AuditEntry
from portal.sandbox.documents import Document
from portal.sandbox.queries import decode_token, encode_token
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState

_DEFAULT_PAGE = 25
_WORD = re.compile(r"[A-Z][a-z]*")
_Request = event_pb2.ListAuditLogsRequest


def note_owner(world: WorldState, environment_id: str, action: str) -> None:
    """Record an action of the environment's creator."""
    creator = world.document(environment_id)["metadata"].get("creator", {})
    world.audit.note(world.instant, creator, "ENVIRONMENT", environment_id, action)


def list_entries(world: WorldState, request: _Request, caller: Caller) -> tuple[list[Document], Document]:
    """A page of entries, newest first unless sorted otherwise, and its `pagination`; EventService.ListAuditLogs.

    Refused for those who do not see the whole organization.
    """
    _check(request, caller)
    ascending = request.sort.order == pagination_pb2.SORT_ORDER_ASC
    after = decode_token(request.pagination.token)[0] if request.pagination.token else None
    accept = _accepted(request.filter)
    with world.lock:
        matching = (entry for entry in _walk(world.audit.entries, after, ascending=ascending) if accept(entry))
        size = request.pagination.page_size or _DEFAULT_PAGE
        page = list(islice(matching, size + 1))
    more = {"nextToken": encode_token(page[size - 1].number, "")} if len(page) > size else {}
    return [world.audit.document(entry) for entry in page[:size]], more


def get_entry(world: WorldState, identifier: str, caller: Caller) -> Document:
    """One entry; Refused as not_found where there is none. Source: EventService.GetAuditLog."""
    _check(_Request(), caller)
    for entry in reversed(world.audit.entries):
        document = world.audit.document(entry)
        if document["id"] == identifier:
            return document
    raise Refused("not_found", f"audit log entry {identifier} not found")


def _check(request: _Request, caller: Caller) -> None:
    if not caller.sees_all:
        raise Refused("permission_denied", "only organization admins may read audit logs")
    if request.sort.field not in ("", "createdAt", "created_at"):
        raise Refused("invalid_argument", "sort.field: audit logs are sorted by createdAt only")


def _walk(entries: list[AuditEntry], after: int | None, *, ascending: bool) -> Iterator[AuditEntry]:
    if ascending:
        begin = 0 if after is None else bisect_right(entries, after, key=lambda entry: entry.number)
        return (entries[place] for place in range(begin, len(entries)))
    end = len(entries) if after is None else bisect_left(entries, after, key=lambda entry: entry.number)
    return (entries[place] for place in range(end - 1, -1, -1))


def _accepted(requested: Any) -> Callable[[AuditEntry], bool]:
    """A test for entries. `from` is included, `to` is not."""
    actors, subjects = set(requested.actor_ids), set(requested.subject_ids)
    principals = {identity_pb2.Principal.Name(value) for value in requested.actor_principals}
    kinds = {event_pb2.ResourceType.Name(value).removeprefix("RESOURCE_TYPE_") for value in requested.subject_types}
    begin = _instant(getattr(requested, "from")) if requested.HasField("from") else None
    end = _instant(requested.to) if requested.HasField("to") else None

    def accept(entry: AuditEntry) -> bool:
        return (
            (not actors or entry.actor in actors)
            and (not subjects or entry.subject in subjects)
            and (not principals or entry.principal in principals)
            and (not kinds or entry.subject_type in kinds)
            and (begin is None or entry.at >= begin)
            and (end is None or entry.at < end)
        )

    return accept


def _instant(stamp: Any) -> int:
    return stamp.seconds * 1_000_000 + stamp.nanos // 1000


# Changes requested through the API


def note_request(world: WorldState, caller: Caller, rpc: str, request: Document, response: Document) -> None:
    """Record a change made by a request: the RPC's name, request and response in JSON form."""
    if rpc == "AllowPortAccess":
        return  # a question, despite its name
    subject_type = _subject_type(rpc)
    subject = _subject(subject_type, request, response)
    words = " ".join(_WORD.findall(rpc)).lower()
    fields = [f"{part}.{name}" for part in ("metadata", "spec") for name in _named(rpc, request.get(part, {}))]
    kind = CREDENTIAL if rpc.endswith("Token") else CHANGE
    action = f"{words}: {', '.join(fields)}" if fields else words
    world.audit.note(world.instant, caller.as_subject(), subject_type, subject, action, kind=kind)


def _subject_type(rpc: str) -> str:
    for word, kind in (
        ("Environment", "ENVIRONMENT"),
        ("Port", "ENVIRONMENT"),
        ("AutomationsFile", "ENVIRONMENT"),
        ("Secret", "SECRET"),
        ("TaskExecution", "TASK_EXECUTION"),
        ("Task", "TASK"),
        ("Service", "SERVICE"),
    ):
        if word in rpc:
            return kind
    return "UNSPECIFIED"


def _subject(subject_type: str, request: Document, response: Document) -> str:
    """The id of what was made, or of what the request is about."""
    made: Document = response.get(subject_type.lower(), {})
    named = ("environmentId", "secretId", "id")
    identifier: str = made.get("id", "") or next((request[name] for name in named if request.get(name)), "")
    return identifier


def _named(rpc: str, part: Document) -> list[str]:
    return sorted(part) if rpc.startswith("Update") else []
