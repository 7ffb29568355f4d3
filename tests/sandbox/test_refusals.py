"""What the organization's policies and an environment's state do not allow is refused in the vendor's words."""

from base64 import b64decode

import pytest
from gitpod.v1 import environment_pb2

from portal.sandbox.access import MEMBER
from portal.sandbox.conditions import Condition
from portal.sandbox.server import TOKEN

CREATE, START = "EnvironmentService/CreateEnvironment", "EnvironmentService/StartEnvironment"


@pytest.fixture
def member(asking):
    return {"id": asking.world.organization.members[2]["userId"], "principal": "PRINCIPAL_USER"}


def spec(asking, url="https://github.com/django/django"):
    sources = {"content": {"initializer": {"specs": [{"contextUrl": {"url": url}}]}}} if url else {}
    return {"machine": {"class": asking.world.organization.classes[0]["id"]}, **sources}


def policy(asking, **policies):
    asking.world.organization.policies.update(policies)


def test_so_many_may_run_for_each_creator(asking, member):
    metadata = {"creator": member}
    asking.world.add_environment(metadata=metadata)
    stopped = asking.world.add_environment(Condition("STOPPED"), metadata=metadata)
    somebody_elses = asking.world.add_environment(
        Condition("STOPPED"), metadata={"creator": {"id": "07e03a28-65a5-4d98-b532-8ea67b188048"}}
    )
    policy(asking, maximumRunningEnvironmentsPerUser="1")
    code, message = asking.refusal(START, {"environmentId": stopped})
    assert code == "resource_exhausted"
    assert "limit of 1 running" in message
    assert asking.environment(stopped)["status"]["phase"] == "ENVIRONMENT_PHASE_STOPPED"
    asking.ask(START, {"environmentId": somebody_elses})
    code, _ = asking.refusal(CREATE, {"spec": spec(asking)}, token=TOKEN + MEMBER)
    assert code == "resource_exhausted"
    policy(asking, maximumRunningEnvironmentsPerUser="0")
    asking.ask(START, {"environmentId": stopped})


def test_so_many_may_be_had_by_each_user_admins_included(asking):
    asking.ask(CREATE, {"spec": spec(asking)})
    policy(asking, maximumEnvironmentsPerUser="1")
    code, message = asking.refusal(CREATE, {"spec": spec(asking)})
    assert code == "resource_exhausted"
    assert "limit of 1 environments" in message


def test_a_host_nobody_is_signed_in_to_is_named_in_the_details(asking):
    body = {"spec": spec(asking, "https://git.private.example/team/repository")}
    answer = asking.post(CREATE, body).json()
    assert answer["code"] == "failed_precondition"
    (detail,) = answer["details"]
    kind = environment_pb2.CreateEnvironmentPreconditionFailureDetails
    assert detail["type"] == kind.DESCRIPTOR.full_name
    message = kind.FromString(b64decode(detail["value"] + "=="))
    assert list(message.missing_authentication_tokens_for_hosts) == ["git.private.example"]


@pytest.mark.parametrize("url", ["ssh://github.com/django/django", "file:///etc/passwd", "javascript:alert(1)"])
def test_a_context_url_is_a_web_address(asking, url):
    code, message = asking.refusal(CREATE, {"spec": spec(asking, url)})
    assert code == "invalid_argument"
    assert message.startswith("spec.content.initializer.specs[0].context_url.url: ")


def test_members_may_have_to_use_projects(asking):
    policy(asking, membersRequireProjects=True)
    token = TOKEN + MEMBER
    assert asking.refusal(CREATE, {"spec": spec(asking)}, token=token)[0] == "failed_precondition"
    project = {"projectId": asking.world.organization.projects[0]["id"]}
    asking.ask("EnvironmentService/CreateEnvironmentFromProject", project, token=token)
    asking.ask(CREATE, {"spec": spec(asking)})


def test_starting_from_scratch_may_be_disabled(asking):
    asking.ask(CREATE, {"spec": spec(asking, "")})
    policy(asking, disableFromScratch=True)
    code, message = asking.refusal(CREATE, {"spec": spec(asking, "")})
    assert (code, "from scratch" in message) == ("failed_precondition", True)
    asking.ask(CREATE, {"spec": spec(asking)})


def test_only_what_runs_can_be_kept_awake(asking):
    body = {"environmentId": asking.world.add_environment(Condition("STOPPED")), "activitySignal": {"source": "portal"}}
    code, message = asking.refusal("EnvironmentService/MarkEnvironmentActive", body)
    assert (code, message.endswith("is not running")) == ("failed_precondition", True)


def test_each_token_is_another(asking):
    body = {"environmentId": asking.world.add_environment()}
    rpc = "EnvironmentService/CreateEnvironmentAccessToken"
    made = [asking.ask(rpc, body)["accessToken"] for _ in range(3)]
    assert len(set(made)) == 3
    assert not set(made) & set(asking.world.tokens)
