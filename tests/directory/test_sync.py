from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from environments.models import Environment, SyncRun
from environments.sync.directory import sync_directory
from environments.sync.full_listing import sync_environments
from portal.directory.check import check
from portal.directory.models import EnvironmentClass, Member, Organization, Project, Runner
from portal.ona import OnaClient
from portal.ona.transport import Transport
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(World(environments=60, seed=9)) as server:
        yield server


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[OnaClient]:
    sandbox.faults.clear()
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000, attempts=1) as client:
        yield client


def run_directory(client: OnaClient) -> SyncRun:
    run = sync_directory(client)
    assert run is not None
    return run


def test_names_and_policies_are_cached(client: OnaClient) -> None:
    run = run_directory(client)
    assert run.state == SyncRun.State.SUCCEEDED, run.error
    organization = Organization.objects.get()
    policies = client.get_organization_policies(organization.id)
    assert organization.archive_environments_after == policies.archive_environments_after
    assert organization.maximum_environment_lifetime_strict == policies.maximum_environment_lifetime_strict
    members = [member for page in client.member_pages(organization.id) for member in page.items]
    assert {(each.id, each.name) for each in Member.objects.all()} == {
        (each.user_id, each.full_name) for each in members
    }
    assert Project.objects.exclude(repository="").exists()
    assert Runner.objects.exists()
    assert EnvironmentClass.objects.exists()


def test_environments_have_their_names_in_either_order_of_syncs(client: OnaClient) -> None:
    sync_environments(client)
    assert not Environment.objects.exclude(owner_name="").exists()
    run_directory(client)
    names = dict(Member.objects.values_list("id", "name"))
    named = Environment.objects.exclude(owner_name="")
    assert named.exists()
    assert all(each.owner_name == names[each.creator_id] for each in named)
    before = {each.id: each.owner_name for each in Environment.objects.all()}
    Environment.objects.all().delete()
    sync_environments(client)
    assert {each.id: each.owner_name for each in Environment.objects.all()} == before


def test_a_former_member_keeps_the_name(client: OnaClient) -> None:
    run_directory(client)
    member = Member.objects.earliest("id")
    Member.objects.create(
        id=Runner.objects.earliest("id").id, name="Left", first_seen_at=member.first_seen_at, seen_at=member.seen_at
    )
    assert run_directory(client).gone == 1
    assert Member.objects.get(name="Left").gone_at is not None


def test_a_refused_list_is_named_and_the_others_are_cached(sandbox: Sandbox, client: OnaClient) -> None:
    sandbox.faults.inject("error503", times=1, rpc="ListMembers")
    run = run_directory(client)
    assert run.state == SyncRun.State.FAILED
    assert run.error.startswith("Members: ")
    assert Project.objects.exists()
    assert not Member.objects.exists()


def test_a_token_with_fewer_rights_is_distinguished_from_an_admins(sandbox: Sandbox, client: OnaClient) -> None:
    findings = {finding.subject: finding for finding in check(client)}
    assert all(finding.well for finding in findings.values())
    assert "sees all environments" in findings["members"].text
    with OnaClient(f"{sandbox.token}-member", sandbox.base_url) as member:
        lesser = {finding.subject: finding for finding in check(member)}
    assert "may see only some environments" in lesser["members"].text


def test_a_wrong_token_is_one_finding(sandbox: Sandbox) -> None:
    with OnaClient("wrong", sandbox.base_url) as client:
        (finding,) = check(client)
    assert (finding.well, finding.needed) == (False, True)
    assert "ONA_API_KEY" in finding.text


def test_a_token_of_a_service_account_is_told_from_a_persons() -> None:
    subject = {"id": str(UUID(int=1)), "principal": "PRINCIPAL_SERVICE_ACCOUNT"}
    answer = {"subject": subject, "organizationId": str(UUID(int=2))}
    wire = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    with OnaClient.over(Transport("t", "https://ona.example/api", http=wire)) as client:
        (token, *_) = check(client)
    assert token.well
    assert "personal access token" in token.text
