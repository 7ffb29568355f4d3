"""Lists: filters, order, pages that hold still under inserts, and two ways of serving that say the same."""

import json

import httpx
import pytest
from gitpod.v1 import environment_pb2 as pb
from google.protobuf import json_format

from portal.sandbox.conditions import Condition

LIST = "EnvironmentService/ListEnvironments"
ALL = {"archivalStatus": "ARCHIVAL_STATUS_ALL"}


def ids(pages):
    return [document["id"] for page in pages for document in page]


def filters(world):
    """Filters of every kind, with values that match something."""
    some = next(world.documents())
    member, project = some["metadata"]["creator"]["id"], world.organization.projects[0]["id"]
    session = next(d["metadata"]["sessionId"] for d in world.documents() if d["metadata"].get("sessionId"))
    runners = [runner["runnerId"] for runner in world.organization.runners[:2]]
    return [
        {},
        ALL,
        {"archivalStatus": "ARCHIVAL_STATUS_ARCHIVED"},
        {"runnerIds": runners, **ALL},
        {"statusPhases": ["ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_STARTING"]},
        {"creatorIds": [member], **ALL},
        {"projectIds": [project], "runnerIds": runners},
        {"runnerKinds": ["RUNNER_KIND_REMOTE"]},
        {"roles": ["ENVIRONMENT_ROLE_WORKFLOW", "ENVIRONMENT_ROLE_PREBUILD"], **ALL},
        {"createdBefore": some["metadata"]["createdAt"], **ALL},
        {"lockdownBefore": "2100-01-01T00:00:00Z", **ALL},
        {"search": "REPRO", **ALL},
        {"sessionIds": [session], **ALL},
        {"creatorIds": ["00000000-0000-4000-8000-000000000000"]},
    ]


def matches(world, document, wanted):
    """The filter once more, written as plainly as NOTES tells it."""
    metadata, archived = document["metadata"], "archivedAt" in document["metadata"]
    status = wanted.get("archivalStatus", "ARCHIVAL_STATUS_ACTIVE")
    return (
        (status == "ARCHIVAL_STATUS_ALL" or archived == (status == "ARCHIVAL_STATUS_ARCHIVED"))
        and metadata["runnerId"] in wanted.get("runnerIds", [metadata["runnerId"]])
        and document["status"]["phase"] in wanted.get("statusPhases", [document["status"]["phase"]])
        and metadata["creator"]["id"] in wanted.get("creatorIds", [metadata["creator"]["id"]])
        and metadata.get("projectId") in wanted.get("projectIds", [metadata.get("projectId")])
        and metadata["role"] in wanted.get("roles", [metadata["role"]])
        and metadata["createdAt"] < wanted.get("createdBefore", "9")
        and ("lockdownBefore" not in wanted or "" < metadata.get("lockdownAt", "") < wanted["lockdownBefore"])
        and wanted.get("search", "").casefold() in f"{metadata['name']} {metadata['originalContextUrl']}".casefold()
        and metadata.get("sessionId") in wanted.get("sessionIds", [metadata.get("sessionId")])
    )


@pytest.mark.parametrize("number", range(14))
def test_a_filter_finds_what_it_says_newest_first_and_counts_it(asking, number):
    wanted = filters(asking.world)[number]
    expected = [d["id"] for d in asking.world.documents() if matches(asking.world, d, wanted)]
    assert ids(asking.pages(LIST, "environments", {"filter": wanted}, size=7)) == expected
    count = asking.ask(LIST, {"filter": wanted, "count": {"include": True}})["count"]
    assert (count.get("value", 0), count["relation"]) == (len(expected), "COUNT_RESPONSE_RELATION_EQ")


@pytest.mark.parametrize("number", range(14))
def test_the_quick_way_says_the_same_as_the_vendors_stubs(asking, number):
    body = {"filter": filters(asking.world)[number], "count": {"include": True}, "pagination": {"pageSize": 30}}
    quick = asking.ask(LIST, body)
    message = json_format.ParseDict(body, pb.ListEnvironmentsRequest())
    headers = {"authorization": f"Bearer {asking.sandbox.token}", "content-type": "application/proto"}
    url = f"{asking.sandbox.base_url}/gitpod.v1.{LIST}"
    slow = httpx.post(url, content=message.SerializeToString(), headers=headers, timeout=20)
    answer = json_format.MessageToDict(pb.ListEnvironmentsResponse.FromString(slow.content))
    assert answer == quick
    charset = asking.client.post(
        url, content=json.dumps(body), headers=headers | {"content-type": "application/json; charset=utf-8"}
    )
    assert charset.json() == quick


@pytest.mark.parametrize(
    ("rpc", "name"),
    [("ListServices", "services"), ("ListTasks", "tasks"), ("ListTaskExecutions", "taskExecutions")],
)
def test_automations_are_listed_by_environment_and_both_ways_agree(asking, rpc, name):
    every = [d for page in asking.pages(f"EnvironmentAutomationService/{rpc}", name, {}) for d in page]
    assert len(every) == len(asking.world.table({"services": "SERVICE", "tasks": "TASK"}.get(name, "TASK_EXECUTION")))

    def home(document):
        return document.get("environmentId") or document["metadata"]["environmentId"]

    environment = home(every[0])
    body = {"filter": {"environmentIds": [environment]}, "pagination": {"pageSize": 100}}
    quick = asking.ask(f"EnvironmentAutomationService/{rpc}", body)
    assert quick[name] == [document for document in every if home(document) == environment]
    assert (
        asking.ask(f"EnvironmentAutomationService/{rpc}", body, **{"content-type": "application/json; charset=utf-8"})
        == quick
    )


@pytest.mark.parametrize("order", ["SORT_ORDER_ASC", "SORT_ORDER_DESC"])
def test_by_id_the_pages_are_in_order_of_the_ids(asking, order):
    body = {"filter": ALL, "sort": {"field": "SORT_FIELD_ID", "order": order}}
    expected = sorted(asking.world.environments.entries, reverse=order == "SORT_ORDER_DESC")
    assert ids(asking.pages(LIST, "environments", body, size=9)) == expected


@pytest.mark.parametrize("order", ["SORT_ORDER_ASC", "SORT_ORDER_DESC"])
def test_by_time_of_archiving_the_pages_are_in_that_order(asking, order):
    wanted = {"archivalStatus": "ARCHIVAL_STATUS_ARCHIVED"}
    body = {"filter": wanted, "sort": {"field": "SORT_FIELD_ARCHIVED_AT", "order": order}}
    times = [d["metadata"]["archivedAt"] for page in asking.pages(LIST, "environments", body, size=3) for d in page]
    assert len(times) > 3
    assert times == sorted(times, reverse=order == "SORT_ORDER_DESC")


def test_pages_neither_repeat_nor_skip_when_environments_come_and_go_meanwhile(asking):
    before = [document["id"] for document in asking.world.documents()]
    pages = asking.pages(LIST, "environments", {"filter": ALL}, size=20)
    seen = ids([next(pages)])
    asking.world.add_environment(Condition("CREATING"))
    asking.world.remove(seen[3])
    asking.world.remove(before[45])
    seen += ids(pages)
    assert seen == [identifier for identifier in before if identifier != before[45]]


def test_a_token_of_another_kind_is_refused(asking):
    code, message = asking.refusal(LIST, {"pagination": {"token": "nonsense"}})
    assert (code, "pagination.token" in message) == ("invalid_argument", True)


def test_a_page_is_never_longer_than_a_hundred(asking):
    assert asking.refusal(LIST, {"pagination": {"pageSize": 101}})[0] == "invalid_argument"


def test_both_forms_of_the_address_are_served(asking):
    body = {"filter": ALL}
    other = asking.client.post(
        f"{asking.sandbox.base_url}/api/gitpod.v1.{LIST}",
        json=body,
        headers={"authorization": f"Bearer {asking.sandbox.token}"},
    )
    assert other.json() == asking.ask(LIST, body)


def test_the_directory_is_listed_in_pages(asking):
    organization = asking.world.organization
    body = {"organizationId": organization.id}
    members = [m for page in asking.pages("OrganizationService/ListMembers", "members", body, size=5) for m in page]
    assert members == organization.members
    assert ids(asking.pages("ProjectService/ListProjects", "projects", {}, size=10)) == [
        p["id"] for p in organization.projects
    ]
    assert asking.ask("RunnerService/ListRunners")["runners"] == organization.runners
    classes = asking.ask("EnvironmentService/ListEnvironmentClasses", {"filter": {"enabled": False}})
    assert [each["displayName"] for each in classes["environmentClasses"]] == ["Small", "Regular", "Large"]
    policies = asking.ask("OrganizationService/GetOrganizationPolicies", body)["policies"]
    assert policies["archiveEnvironmentsAfter"] == "259200s"


def test_the_page_may_be_named_in_the_query_string_as_older_clients_do(asking):
    whole = [ids([page]) for page in asking.pages(LIST, "environments", {"filter": ALL}, size=30)]
    pages, query = [], "pageSize=30"
    while len(pages) < len(whole):
        answer = asking.ask(f"{LIST}?{query}", {"filter": ALL})
        pages.append(ids([answer["environments"]]))
        query = f"pageSize=30&token={answer['pagination'].get('nextToken', '')}"
    assert pages == whole
    assert len(asking.ask(f"{LIST}?pageSize=30", {"pagination": {"pageSize": 7}})["environments"]) == 7
    assert asking.refusal(f"{LIST}?pageSize=many")[0] == "invalid_argument"
    services = asking.ask("EnvironmentAutomationService/ListServices?pageSize=3")
    assert len(services["services"]) == 3
    members = asking.ask("OrganizationService/ListMembers?pageSize=2", {"organizationId": asking.world.organization.id})
    assert len(members["members"]) == 2
