"""Ona's own audit log as the client reads it."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest

from portal.ona import OnaClient, errors
from portal.sandbox.access import MEMBER
from portal.sandbox.conditions import Condition
from portal.sandbox.server import TOKEN, running
from portal.sandbox.world import World

ID = "07e03a28-65a5-4d98-b532-8ea67b188048"


def test_an_entry_is_read_and_kept_whole(client_over) -> None:
    came = {
        "id": ID,
        "actorId": ID,
        "actorPrincipal": "PRINCIPAL_USER",
        "subjectId": ID,
        "subjectType": "RESOURCE_TYPE_ENVIRONMENT",
        "action": "update environment: metadata.name",
        "createdAt": "2026-11-22T10:00:00.123456Z",
        "kind": "AUDIT_LOG_ENTRY_KIND_RESOURCE_CHANGE",
        "newer": {"than": "us"},
    }
    client = client_over(lambda _: httpx.Response(200, json={"entries": [came]}))
    ((entry,),) = [page.items for page in client.audit_log_pages()]
    assert (entry.id, entry.actor_id, entry.subject_id) == (UUID(ID), UUID(ID), UUID(ID))
    assert entry.created_at == datetime(2026, 11, 22, 10, 0, 0, 123456, UTC)
    assert entry.action == "update environment: metadata.name"
    assert json.loads(entry.raw) == came


def test_what_is_absent_is_absent_and_what_has_no_id_is_malformed(client_over) -> None:
    client = client_over(lambda _: httpx.Response(200, json={"entries": [{"id": ID}, {"action": "x"}]}))
    (page,) = client.audit_log_pages()
    ((entry,),) = [page.items]
    assert (entry.actor_id, entry.created_at, entry.action, entry.kind) == (None, None, "", "")
    assert len(page.malformed) == 1


def test_pages_follow_one_another_with_the_filter_that_was_asked_for(client_over) -> None:
    asked = []

    def ona(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        following = "" if "token" in asked[-1]["pagination"] else "more"
        return httpx.Response(200, json={"entries": [{"id": str(uuid4())}], "pagination": {"nextToken": following}})

    client, filter_ = client_over(ona), {"subjectIds": [ID], "from": "2026-11-22T10:00:00Z"}
    assert [len(page.items) for page in client.audit_log_pages(filter=filter_)] == [1, 1]
    assert asked[-1] == {"filter": filter_, "pagination": {"pageSize": 100, "token": "more"}}
    list(client.audit_log_pages())
    assert "filter" not in asked[-1]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [("unimplemented", 404, errors.Unimplemented), ("permission_denied", 403, errors.PermissionDenied)],
)
def test_a_plan_without_one_and_a_token_that_may_not_say_so(client_over, code, status, kind) -> None:
    client = client_over(lambda _: httpx.Response(status, json={"code": code, "message": "no"}))
    with pytest.raises(kind):
        next(client.audit_log_pages())


def test_the_stand_ins_log_is_read_by_those_who_see_all() -> None:
    world = World(environments=0, seed=1)
    identifier = world.add_environment(Condition())
    with running(world) as sandbox, OnaClient(TOKEN, sandbox.base_url) as client:
        client.stop_environment(identifier)
        ((entry,),) = [page.items for page in client.audit_log_pages(filter={"subjectIds": [identifier]})]
        assert (str(entry.subject_id), entry.action) == (identifier, "stop environment")
        assert abs((entry.created_at - world.now).total_seconds()) < 1
        with OnaClient(TOKEN + MEMBER, sandbox.base_url) as member, pytest.raises(errors.PermissionDenied):
            next(member.audit_log_pages())
