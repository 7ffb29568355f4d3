"""Documents: strictly what is used, leniently the rest, and the bytes always kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.ona.documents import EnvironmentDocument, read_environment, storable
from portal.ona.documents.automations import EXECUTIONS, SERVICES, TASKS
from portal.ona.documents.directory import MEMBERS, PROJECTS, RUNNERS, read_identity, read_policies
from portal.ona.documents.environments import ENVIRONMENTS
from portal.ona.documents.values import duration_text, parse_duration, timestamp_text

ID = "07e03a28-65a5-4d98-b532-8ea67b188048"
OTHER = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def environment(**parts: Any) -> EnvironmentDocument:
    return read_environment(json.dumps({"id": ID, **parts}).encode())


def test_the_documentations_example_is_kept_whole_and_its_heads_are_read(example: dict[str, Any]) -> None:
    document = read_environment(json.dumps(example).encode())

    assert {name: json.loads(getattr(document, name).raw) for name in ("metadata", "spec", "status")} == {
        name: example[name] for name in ("metadata", "spec", "status")
    }
    metadata, spec, status = document.metadata.head, document.spec.head, document.status.head
    assert metadata.lockdown_at == datetime(2019, 12, 27, 18, 11, 19, 117000, tzinfo=UTC)
    assert metadata.creator.id == UUID(OTHER)
    assert spec.timeout.disconnected == timedelta(seconds=9125115, milliseconds=360)
    assert spec.content.initializer.repository == "remoteUri"
    assert spec.ports[0].port == 1024
    assert (spec.spec_version, status.status_version, status.runner_ack.spec_version) == (9, 2**64 - 1, 8)
    assert status.git is not None
    assert status.git.branch == "branch"
    assert status.devcontainer is not None
    assert status.devcontainer.secrets_in_sync
    assert status.failure_message == ["string"]


def test_bytes_of_a_part_are_kept_as_they_came() -> None:
    raw = b'{"id":"%s","metadata": {"name" : "n\\u00e9", "newField":[1.50,{}]} }' % ID.encode()
    document = read_environment(raw)
    assert document.metadata.raw == b'{"name" : "n\\u00e9", "newField":[1.50,{}]}'
    assert document.metadata.head.name == "né"
    assert document.spec.raw == b"{}"


@pytest.mark.parametrize("absent", [{}, {"metadata": None, "spec": None, "status": None}])
def test_absent_and_null_parts_have_the_defaults_of_proto3(absent: dict[str, Any]) -> None:
    document = environment(**absent)
    assert document.spec.raw == b"{}"
    assert document.metadata.head.project_id is None
    assert document.spec.head.spec_version == 0
    assert document.status.head.phase == ""
    assert document.status.head.git is None
    assert document.status.head.devcontainer is None


def test_null_fields_count_as_absent() -> None:
    spec = {"specVersion": None, "machine": None, "ports": None, "secrets": [None, {"name": None}], "timeout": {}}
    head = environment(spec=spec).spec.head
    assert (head.spec_version, head.ports, head.machine.class_id, head.timeout.disconnected) == (0, [], None, None)
    assert [secret.name for secret in head.secrets] == [""]


def test_references_that_are_no_uuid_count_as_absent_and_stay_in_the_bytes() -> None:
    document = environment(
        metadata={"projectId": "", "runnerId": "runnerId", "creator": {"id": ""}, "sessionId": OTHER}
    )
    head = document.metadata.head
    assert (head.project_id, head.runner_id, head.creator.id, head.session_id) == (None, None, None, UUID(OTHER))
    assert b'"runnerId": "runnerId"' in document.metadata.raw


@pytest.mark.parametrize(("phase", "kept"), [("ENVIRONMENT_PHASE_NEW", "ENVIRONMENT_PHASE_NEW"), (99, "99")])
def test_an_enum_value_newer_than_ours_is_kept(phase: str | int, kept: str) -> None:
    assert environment(status={"phase": phase}).status.head.phase == kept


@pytest.mark.parametrize("moment", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_the_zero_time_is_no_lockdown(moment: str) -> None:
    assert environment(metadata={"lockdownAt": moment}).metadata.head.lockdown_at is None


@pytest.mark.parametrize(
    "parts",
    [
        {"metadata": {"createdAt": "10000-01-01T00:00:00Z"}},
        {"metadata": {"createdAt": "2026-01-01T00:00:00"}},
        {"metadata": {"createdAt": 12}},
        {"metadata": []},
        {"spec": {"specVersion": "-1"}},
        {"spec": {"specVersion": "18446744073709551616"}},
        {"spec": {"specVersion": True}},
        {"spec": {"specVersion": "specVersion"}},
        {"spec": {"specVersion": 1.5}},
        {"spec": {"timeout": {"disconnected": "1h"}}},
        {"spec": {"ports": [{"port": 2**40}]}},
        {"status": {"phase": ["x"]}},
    ],
)
def test_what_is_used_and_cannot_be_read_is_malformed(parts: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        environment(**parts)


def test_one_malformed_environment_does_not_lose_its_page() -> None:
    items = [{"id": ID}, {"id": OTHER, "spec": {"specVersion": "x"}}, {"id": "nonsense"}, 7, {"id": OTHER}]
    body = json.dumps({"environments": items, "pagination": {"nextToken": "more"}}).encode()
    page = ENVIRONMENTS.read(body, NOW)
    assert [str(each.id) for each in page.items] == [ID, OTHER]
    assert [each.id for each in page.malformed] == [OTHER, "nonsense", ""]
    assert "specVersion" in page.malformed[0].error
    assert page.next_token == "more"


def test_a_page_tells_its_count_and_whether_it_is_exact() -> None:
    exact = ENVIRONMENTS.read(b'{"count":{"value":7,"relation":"COUNT_RESPONSE_RELATION_EQ"}}', NOW)
    at_least = ENVIRONMENTS.read(b'{"count":{"value":1000,"relation":"COUNT_RESPONSE_RELATION_GTE"}}', NOW)
    none = ENVIRONMENTS.read(b'{"environments":null,"pagination":null}', NOW)
    assert [(page.total, page.total_exact) for page in (exact, at_least, none)] == [
        (7, True),
        (1000, False),
        (None, False),
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"environments":{}}', b'{"environments":[', b"<html>", b"\xff\xfe"])
def test_a_page_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        ENVIRONMENTS.read(body, NOW)


def test_what_postgres_cannot_hold_is_replaced_where_it_is_stored() -> None:
    raw = rb'{"id":"%s","metadata":{"name":"a\u0000b","x":"\\u0000 \ud83d\ude00"}}' % ID.encode()
    document = read_environment(raw)
    assert rb"\u0000b" in document.metadata.raw
    assert document.metadata.head.name == "a\N{REPLACEMENT CHARACTER}b"
    assert json.loads(document.metadata.storable) == {"name": "a\N{REPLACEMENT CHARACTER}b", "x": "\\u0000 \U0001f600"}


def test_lone_surrogates_and_broken_utf8_lose_no_page() -> None:
    body = rb'{"environments":[{"id":"%s","metadata":{"name":"a\ud800b"}}]}' % ID.encode()
    assert ENVIRONMENTS.read(body, NOW).items[0].metadata.head.name == "a\N{REPLACEMENT CHARACTER}b"
    body = b'{"environments":[{"id":"%s","metadata":{"name":"a\xffb"}}]}' % ID.encode()
    page = ENVIRONMENTS.read(body, NOW)
    assert page.items[0].metadata.head.name == "a\N{REPLACEMENT CHARACTER}b"
    page.items[0].metadata.raw.decode()


@given(st.text(alphabet=st.sampled_from('\\u0dD8cC"né\0\ud800\udc00')))
def test_whatever_the_text_what_is_storable_is_json_without_nul_or_lone_surrogates(text: str) -> None:
    stored = json.loads(storable(json.dumps({"name": text}).encode()))["name"]
    stored.encode()
    assert "\0" not in stored
    assert len(stored) <= len(text)


@given(st.integers(0, 2**64 - 1), st.booleans())
def test_uint64_survives_as_string_or_number(number: int, as_text: bool) -> None:
    assert environment(spec={"specVersion": str(number) if as_text else number}).spec.head.spec_version == number


@given(st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)))
def test_durations_survive_the_way_there_and_back(duration: timedelta) -> None:
    assert parse_duration(duration_text(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"), [("3600s", 3600), ("1.5s", 1.5), ("-3s", -3), ("0s", 0), ("+2.000000001s", 2)]
)
def test_durations_are_read_as_the_vendor_writes_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "s", "1", "1m", "1.s", " 1s", "1s\n", "999999999999s", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_duration(text)


@given(st.timedeltas(timedelta(0), timedelta(days=2_000_000)))
def test_timestamps_survive_the_way_there_and_back(since: timedelta) -> None:
    moment = datetime(1971, 1, 1, tzinfo=UTC) + since
    assert environment(metadata={"createdAt": timestamp_text(moment)}).metadata.head.created_at == moment


def test_nine_fractional_digits_are_read_to_the_microsecond() -> None:
    head = environment(metadata={"createdAt": "2026-11-22T01:02:03.123456489Z"}).metadata.head
    assert head.created_at == datetime(2026, 11, 22, 1, 2, 3, 123456, tzinfo=UTC)


def test_automations_are_read_with_their_triggers_in_words() -> None:
    triggers = [{"postEnvironmentStart": True}, {"manual": True}, {"postNewThing": True}, {"prebuild": False}]
    metadata = {"reference": "db", "name": "Database", "triggeredBy": triggers, "creator": {"id": OTHER}}
    spec = {"specVersion": "3", "commands": {"start": "postgres"}, "readinessTimeout": "90s"}
    service = {"id": ID, "environmentId": OTHER, "metadata": metadata, "spec": spec, "status": {"statusVersion": "4"}}
    read = SERVICES.read(json.dumps({"services": [service]}).encode(), NOW).items[0]
    assert read.metadata.head.triggers == ["postEnvironmentStart", "manual", "postNewThing"]
    assert (read.environment_id, read.spec.head.command, read.status.head.status_version) == (
        UUID(OTHER),
        "postgres",
        4,
    )


def test_tasks_and_executions_are_read() -> None:
    task = {"id": ID, "environmentId": OTHER, "dependsOn": [OTHER], "spec": {"command": "make"}}
    read_task = TASKS.read(json.dumps({"tasks": [task, {**task, "dependsOn": None}]}).encode(), NOW).items
    assert [each.depends_on for each in read_task] == [[UUID(OTHER)], []]
    assert read_task[0].spec.head.command == "make"

    plan = [{"steps": [{"id": ID, "label": "build", "task": {"id": ID, "spec": {"command": "make"}}}]}]
    execution = {
        "id": ID,
        "metadata": {"taskId": ID, "environmentId": OTHER, "startedBy": "user", "startedAt": "2026-11-22T00:00:00Z"},
        "spec": {"plan": plan},
        "status": {"phase": "TASK_EXECUTION_PHASE_FAILED", "steps": [{"id": ID, "failureMessage": "exit 2"}]},
    }
    read = EXECUTIONS.read(json.dumps({"taskExecutions": [execution, {"id": ID}]}).encode(), NOW)
    assert (read.items[0].task_id, read.items[0].environment_id) == (UUID(ID), UUID(OTHER))
    assert read.items[0].status.head.steps[0].failure_message == "exit 2"
    assert read.items[0].spec.head.plan[0].steps[0].label == "build"
    assert [each.id for each in read.malformed] == [ID]


def test_the_directory_is_read_and_its_bytes_are_kept() -> None:
    initializer = {
        "specs": [{"contextUrl": {"url": "https://git.example/c"}}, {"git": {"remoteUri": "https://git.example/r"}}]
    }
    project = {"id": ID, "metadata": {"name": "Shop"}, "initializer": initializer, "raw": "mine", "$raw": "eA=="}
    read = PROJECTS.read(json.dumps({"projects": [project]}).encode(), NOW).items[0]
    assert (read.name, read.repository) == ("Shop", "https://git.example/r")
    assert json.loads(read.raw) == project

    runner = {"runnerId": ID, "name": "eu", "status": {"phase": "RUNNER_PHASE_ACTIVE", "region": "eu-1"}}
    runners = RUNNERS.read(json.dumps({"runners": [runner, {"runnerId": "x"}]}).encode(), NOW)
    assert (runners.items[0].id, runners.items[0].region, runners.malformed[0].id) == (UUID(ID), "eu-1", "x")

    member = MEMBERS.read(json.dumps({"members": [{"userId": ID, "fullName": "Ann\0"}]}).encode(), NOW).items[0]
    assert (member.user_id, member.full_name) == (UUID(ID), "Ann\N{REPLACEMENT CHARACTER}")


def test_policies_tell_absent_from_zero() -> None:
    read = read_policies(b'{"maximumEnvironmentTimeout":"0s","maximumEnvironmentsPerUser":"5"}')
    assert read.maximum_environment_timeout == timedelta(0)
    assert read.maximum_environment_lifetime is None
    assert (read.maximum_environments_per_user, read.maximum_environment_lifetime_strict) == (5, False)


def test_the_identity_is_read() -> None:
    read = read_identity(
        json.dumps({"subject": {"id": ID, "principal": "PRINCIPAL_USER"}, "organizationId": OTHER}).encode()
    )
    assert (read.subject.id, read.subject.principal, read.organization_id) == (UUID(ID), "PRINCIPAL_USER", UUID(OTHER))
