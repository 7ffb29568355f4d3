"""Who may see and change what."""

import pytest

from portal.sandbox.access import MEMBER, READ_ONLY
from portal.sandbox.conditions import Condition
from portal.sandbox.server import TOKEN

LIST = "EnvironmentService/ListEnvironments"


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic c2FuZGJveA==", TOKEN])
@pytest.mark.parametrize("rpc", [LIST, "IdentityService/GetAuthenticatedIdentity", "EventService/ListAuditLogs"])
def test_without_a_known_bearer_token_nothing_is_answered(asking, rpc, header):
    response = asking.post(rpc, authorization=header)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


def test_a_read_only_token_sees_all_and_changes_nothing(asking):
    token = TOKEN + READ_ONLY
    assert len(asking.ask(LIST, {"pagination": {"pageSize": 100}}, token=token)["environments"]) > 30
    identifier = asking.world.add_environment()
    target = {"environmentId": identifier}
    for rpc in ("StopEnvironment", "UpdateEnvironment", "DeleteEnvironment", "CreateEnvironmentAccessToken"):
        assert asking.refusal(f"EnvironmentService/{rpc}", target, token=token)[0] == "permission_denied"


def test_a_members_token_sees_and_changes_only_what_is_theirs(asking):
    token = TOKEN + MEMBER
    member = asking.ask("IdentityService/GetAuthenticatedIdentity", token=token)["subject"]
    mine = asking.world.add_environment(Condition(), metadata={"creator": member})
    other = asking.world.add_environment(
        Condition(), metadata={"creator": {"id": asking.world.organization.members[0]["userId"]}}
    )
    listed = asking.ask(LIST, {"pagination": {"pageSize": 100}}, token=token)["environments"]
    assert {document["metadata"]["creator"]["id"] for document in listed} == {member["id"]}
    assert mine in {document["id"] for document in listed}
    for rpc in ("GetEnvironment", "StopEnvironment"):
        assert asking.refusal(f"EnvironmentService/{rpc}", {"environmentId": other}, token=token)[0] == "not_found"
    asking.ask("EnvironmentService/StopEnvironment", {"environmentId": mine}, token=token)


def test_the_tokens_subject_is_a_member_of_the_organization(asking):
    identity = asking.ask("IdentityService/GetAuthenticatedIdentity")
    assert identity["organizationId"] == asking.world.organization.id
    user = asking.ask("UserService/GetUser", {"userId": identity["subject"]["id"]})["user"]
    assert user["email"].endswith("@brindlemark.example")


def test_what_is_not_built_says_unimplemented(asking):
    assert (
        asking.refusal("ProjectService/DeleteProject", {"projectId": asking.world.organization.projects[0]["id"]})[0]
        == "unimplemented"
    )
    assert asking.refusal("BillingService/GetInvoices")[0] == "unimplemented"
