"""ListAuditLogs: what people and tokens did, for those who see the whole organization."""

from datetime import timedelta

import pytest

from portal.sandbox.access import MEMBER, READ_ONLY
from portal.sandbox.conditions import Condition
from portal.sandbox.server import TOKEN
from tests.support.history import NOW, lived

LIST, GET = "EventService/ListAuditLogs", "EventService/GetAuditLog"
UPDATE, DELETE = "EnvironmentService/UpdateEnvironment", "EnvironmentService/DeleteEnvironment"


def entries(asking, size=100, **body):
    return [entry for page in asking.pages(LIST, "entries", body, size) for entry in page]


def newest(asking):
    return asking.ask(LIST, {"pagination": {"pageSize": 1}})["entries"][0]


def me(asking):
    return asking.ask("IdentityService/GetAuthenticatedIdentity")["subject"]


def test_what_a_token_changes_is_told_with_who_what_and_when_but_no_values(asking):
    identifier = asking.world.add_environment(Condition())
    spec = {"timeout": {"disconnected": "7200s"}}
    asking.ask(UPDATE, {"environmentId": identifier, "metadata": {"name": "hush"}, "spec": spec})
    entry = newest(asking)
    assert entry.pop("id")
    assert entry == {
        "actorId": me(asking)["id"],
        "actorPrincipal": "PRINCIPAL_USER",
        "subjectId": identifier,
        "subjectType": "RESOURCE_TYPE_ENVIRONMENT",
        "action": "update environment: metadata.name, spec.timeout",
        "createdAt": asking.world.now.isoformat().replace("+00:00", "Z"),
        "kind": "AUDIT_LOG_ENTRY_KIND_RESOURCE_CHANGE",
    }


def test_reading_and_what_is_refused_are_not_told(asking):
    identifier = asking.world.add_environment(Condition())
    asking.environment(identifier)
    asking.refusal(DELETE, {"environmentId": "00000000-0000-4000-8000-000000000000"})
    asking.refusal(DELETE, {"environmentId": identifier}, token=TOKEN + READ_ONLY)
    assert entries(asking) == []


def test_every_kind_of_resource_is_told_by_its_type(asking):
    world = asking.world
    task = next(entry for entry in world.tasks.walk({}) if running(world, entry.facts.environment))
    execution = asking.ask("EnvironmentAutomationService/StartTask", {"id": task.key[1]})["taskExecution"]
    asking.ask("EnvironmentAutomationService/StopTaskExecution", {"id": execution["id"]})
    secret = {"name": "KEY", "value": "s3cr3t-v4lue", "scope": {"organizationId": world.organization.id}}
    made = asking.ask("SecretService/CreateSecret", {**secret, "environmentVariable": True})["secret"]
    asking.ask("EnvironmentService/CreateEnvironmentLogsToken", {"environmentId": task.facts.environment})
    project = world.organization.projects[0]["id"]
    environment = asking.ask("EnvironmentService/CreateEnvironmentFromProject", {"projectId": project})["environment"]
    found = [(each["subjectType"], each["subjectId"], each["action"], each["kind"]) for each in entries(asking)]
    change, credential = "AUDIT_LOG_ENTRY_KIND_RESOURCE_CHANGE", "AUDIT_LOG_ENTRY_KIND_CREDENTIAL_ACCESS"
    place = task.facts.environment
    assert found == [
        ("RESOURCE_TYPE_ENVIRONMENT", environment["id"], "create environment from project", change),
        ("RESOURCE_TYPE_ENVIRONMENT", place, "create environment logs token", credential),
        ("RESOURCE_TYPE_SECRET", made["id"], "create secret", change),
        ("RESOURCE_TYPE_TASK_EXECUTION", execution["id"], "stop task execution", change),
        ("RESOURCE_TYPE_TASK", task.key[1], "start task", change),
    ]
    assert "s3cr3t-v4lue" not in str(asking.ask(LIST))


def running(world, identifier):
    return world.environments.entries[identifier].facts.phase == "ENVIRONMENT_PHASE_RUNNING"


def test_what_people_do_as_time_passes_is_told_and_what_policies_do_is_not(asking):
    asking.world.advance(timedelta(hours=12))
    found = entries(asking)
    assert {"start environment", "stop environment", "create environment"} <= {each["action"] for each in found}
    known = {member["userId"] for member in asking.world.organization.members}
    assert {each["actorId"] for each in found} <= known
    times = [each["createdAt"] for each in found]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("order", ["SORT_ORDER_ASC", "SORT_ORDER_DESC"])
def test_pages_hold_everything_once_in_either_order(asking, order):
    asking.world.audit = lived(20, days=6, seed=6).audit
    found = entries(asking, 37, sort={"field": "createdAt", "order": order})
    assert len({each["id"] for each in found}) == len(found) == len(asking.world.audit.entries)
    times = [each["createdAt"] for each in found]
    assert times == sorted(times, reverse=order.endswith("DESC"))


def test_filters_narrow_it_down(asking):
    asking.world.audit = lived(20, days=6, seed=6).audit
    everything = entries(asking)
    some = everything[len(everything) // 2]
    for filter_, field, value in (
        ({"actorIds": [some["actorId"]]}, "actorId", some["actorId"]),
        ({"subjectIds": [some["subjectId"]]}, "subjectId", some["subjectId"]),
        ({"actorPrincipals": ["PRINCIPAL_USER"]}, "actorPrincipal", "PRINCIPAL_USER"),
        (
            {"subjectTypes": ["RESOURCE_TYPE_ORGANIZATION_POLICY"]},
            "subjectType",
            "RESOURCE_TYPE_ORGANIZATION_POLICY",
        ),
    ):
        found = entries(asking, filter=filter_)
        assert found == [each for each in everything if each[field] == value], field
        assert found


def test_a_period_has_its_beginning_and_not_its_end(asking):
    asking.world.audit = lived(20, days=6, seed=6).audit
    everything = entries(asking)
    begin, end = everything[30]["createdAt"], everything[10]["createdAt"]
    found = entries(asking, filter={"from": begin, "to": end})
    assert everything[30] in found
    assert everything[10] not in found
    assert len(found) == 20
    late = (NOW + timedelta(days=1)).isoformat()
    assert entries(asking, filter={"from": late}) == []


def test_one_entry_is_found_by_its_id(asking):
    asking.world.audit = lived(20, days=6, seed=6).audit
    entry = entries(asking)[-1]
    assert asking.ask(GET, {"auditLogEntryId": entry["id"]}) == {"entry": entry}
    nobody = "00000000-0000-4000-8000-000000000000"
    assert asking.refusal(GET, {"auditLogEntryId": nobody})[0] == "not_found"


def test_only_those_who_see_all_may_read_it(asking):
    assert asking.refusal(LIST, token=TOKEN + MEMBER)[0] == "permission_denied"
    asking.ask(LIST, token=TOKEN + READ_ONLY)


@pytest.mark.parametrize(
    "body",
    [
        {"pagination": {"pageSize": 101}},
        {"pagination": {"token": "nonsense"}},
        {"sort": {"field": "actorId"}},
        {"filter": {"actorIds": ["nobody"]}},
    ],
)
def test_what_cannot_be_asked_is_refused(asking, body):
    assert asking.refusal(LIST, body)[0] == "invalid_argument"
