"""SecretService: scopes, mounts and values that go in and never come out."""

import logging
from datetime import timedelta

import httpx
import msgspec
import ona_sdk
import pytest
from gitpod.v1 import secret_pb2 as pb
from google.protobuf import json_format

from portal.ona import OnaClient
from portal.ona.documents import Secret
from portal.sandbox.access import MEMBER, READ_ONLY
from portal.sandbox.conditions import Condition
from portal.sandbox.secrets import MOUNTS, SCOPES, in_sync, mounts
from portal.sandbox.server import TOKEN, running
from portal.sandbox.snapshot import restore, save
from portal.sandbox.world import World

CREATE, LIST = "SecretService/CreateSecret", "SecretService/ListSecrets"
UPDATE, DELETE = "SecretService/UpdateSecretValue", "SecretService/DeleteSecret"
NOWHERE = "07e03a28-65a5-4d98-b532-8ea67b188048"
CANARY = "canary-value-77d1"


@pytest.fixture
def scopes(asking):
    organization = asking.world.organization
    return {
        "organization": {"organizationId": organization.id},
        "project": {"projectId": organization.projects[5]["id"]},
        "user": {"userId": organization.members[4]["userId"]},
        "service account": {"serviceAccountId": organization.members[5]["userId"]},
    }


def create(asking, scope, name="FRESH", **more):
    body = {"name": name, "value": CANARY, "scope": scope, "environmentVariable": True, **more}
    return asking.ask(CREATE, body)["secret"]


def running_in(asking, scopes, kind="project", **condition):
    """A running environment that secrets of the scope cover, whose container has all its secrets."""
    creator = {"id": scopes["user"]["userId"], "principal": "PRINCIPAL_USER"}
    if kind == "service account":
        creator = {"id": scopes[kind]["serviceAccountId"], "principal": "PRINCIPAL_SERVICE_ACCOUNT"}
    metadata = {"projectId": scopes["project"]["projectId"], "creator": creator}
    return asking.world.add_environment(Condition(never_stops=True, **condition), metadata=metadata)


def synced(asking, identifier):
    return asking.environment(identifier)["status"]["devcontainer"].get("secretsInSync", False)


def mounted(asking, identifier):
    return {secret["name"]: secret for secret in asking.environment(identifier)["spec"].get("secrets", [])}


def restart(asking, identifier):
    """Stop and start it, again where its container did not come up: one in thirty does not."""
    for rpc in ("StopEnvironment", "StartEnvironment"):
        asking.ask(f"EnvironmentService/{rpc}", {"environmentId": identifier})
        asking.world.advance(timedelta(minutes=6))
    if asking.environment(identifier)["status"]["devcontainer"].get("phase") != "PHASE_RUNNING":
        restart(asking, identifier)


def test_the_vendors_client_creates_lists_renews_and_deletes():
    with running(World(environments=20, seed=3)) as sandbox:
        client = ona_sdk.create_client(api_key=sandbox.token, base_url=f"{sandbox.base_url}/api", timeout=20)
        service, project = client.services.secret, sandbox.world.organization.projects[1]["id"]
        scope = {"project_id": project}
        request = pb.CreateSecretRequest(name="FRESH", value=CANARY, file_path="/run/key", scope=scope)
        secret = service.create_secret(request).secret
        assert (secret.name, secret.file_path, secret.scope.project_id) == ("FRESH", "/run/key", project)
        assert sandbox.world.secret_matches(secret.id, CANARY)
        service.update_secret_value(pb.UpdateSecretValueRequest(secret_id=secret.id, value="next"))
        assert sandbox.world.secret_matches(secret.id, "next")
        assert not sandbox.world.secret_matches(secret.id, CANARY)
        listed = service.list_secrets(pb.ListSecretsRequest(filter={"scope": scope})).secrets
        assert listed[0].id == secret.id
        assert listed[0].updated_at.ToDatetime() > listed[0].created_at.ToDatetime()
        service.delete_secret(pb.DeleteSecretRequest(secret_id=secret.id))
        with pytest.raises(Exception, match="not found"):
            service.delete_secret(pb.DeleteSecretRequest(secret_id=secret.id))


def test_the_portals_client_does_the_same():
    with running(World(environments=20, seed=3)) as sandbox, OnaClient(sandbox.token, sandbox.base_url) as client:
        scope = {"organizationId": sandbox.world.organization.id}
        proxy = {"targetHosts": ["api.example"], "header": "X-Key"}
        mount = {"apiOnly": True}
        made = client.create_secret("FRESH", Secret(CANARY), scope=scope, mount=mount, credential_proxy=proxy)
        assert (made.mount_kind, made.scope_kind) == ("api_only", "organization")
        assert made.credential_proxy
        assert made.credential_proxy.target_hosts == ["api.example"]
        client.update_secret_value(made.id, Secret("next"))
        assert sandbox.world.secret_matches(str(made.id), "next")
        everything = [secret for page in client.secret_pages() for secret in page.items]
        of_scope = [secret for page in client.secret_pages(scope) for secret in page.items]
        assert len(everything) == len(sandbox.world.secrets)
        assert of_scope == [secret for secret in everything if secret.scope_kind == "organization"]
        client.delete_secret(made.id)
        assert str(made.id) not in sandbox.world.secrets.entries


def test_the_world_has_secrets_of_every_scope_and_mount_with_ids_that_environments_refer_to():
    world = World(environments=2500, seed=3)
    documents = [entry.document() for entry in world.secrets.walk({})]
    for document in documents:
        assert json_format.MessageToDict(json_format.ParseDict(document, pb.Secret())) == document
        assert document["createdAt"] <= document["updatedAt"]
    assert {next(iter(document["scope"])) for document in documents} == set(SCOPES)
    assert {field for document in documents for field in MOUNTS if field in document} == set(MOUNTS)
    assert any("credentialProxy" in document for document in documents)
    seen = set()
    for environment in world.documents():
        assert in_sync(world, environment)
        seen |= {secret["scope"] for secret in environment["spec"].get("secrets", [])}
    assert seen == {*SCOPES.values(), "SCOPE_RUNNER"}


def test_the_same_seed_gives_the_same_secrets():
    first, second, other = (World(environments=20, seed=seed) for seed in (5, 5, 6))
    assert first.digests == second.digests
    assert not first.digests.keys() & other.digests.keys()


def test_lists_come_in_pages_newest_first_and_by_scope(asking, scopes):
    made = [create(asking, scopes["project"], f"FRESH_{index}")["id"] for index in range(3)]
    asked = {"filter": {"scope": scopes["project"]}}
    listed = [secret["id"] for page in asking.pages(LIST, "secrets", asked, size=2) for secret in page]
    assert set(listed[:3]) == set(made)
    assert len(listed) == len(set(listed))
    everything = [secret["id"] for page in asking.pages(LIST, "secrets", {}, size=7) for secret in page]
    assert sorted(everything) == sorted(asking.world.secrets.entries)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": "no"}, "invalid_argument", "name"),
        ({"name": "no-dashes"}, "invalid_argument", "name"),
        ({"environmentVariable": None, "filePath": "relative"}, "invalid_argument", "file_path"),
        ({"environmentVariable": None}, "invalid_argument", "mount"),
        ({"value": "x" * 10241}, "invalid_argument", "value"),
        ({"scope": None}, "invalid_argument", "scope"),
        ({"scope": {"projectId": "x"}}, "invalid_argument", "scope.project_id"),
        ({"scope": {"projectId": NOWHERE}}, "not_found", "project"),
        ({"scope": {"userId": NOWHERE}}, "not_found", "user"),
        ({"scope": {"organizationId": NOWHERE}}, "not_found", "organization"),
        ({"scope": {"serviceAccountId": NOWHERE}}, "not_found", "serviceAccount"),
        ({"credentialProxy": {"header": "X"}}, "invalid_argument", "credential_proxy"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_the_fields_name(asking, scopes, change, code, field):
    body = {"name": "FRESH", "value": CANARY, "scope": scopes["project"], "environmentVariable": True, **change}
    told, message = asking.refusal(CREATE, {name: value for name, value in body.items() if value is not None})
    assert (told, message.startswith(field)) == (code, True), message
    assert CANARY not in message


def test_a_name_is_taken_once_in_each_scope(asking, scopes):
    for scope in scopes.values():
        create(asking, scope)
        body = {"name": "FRESH", "value": "x", "scope": scope, "apiOnly": True}
        assert asking.refusal(CREATE, body)[0] == "already_exists"


def test_a_value_is_told_to_nobody(asking, scopes):
    secret = create(asking, scopes["project"])
    assert "value" not in secret
    code, message = asking.refusal("SecretService/GetSecretValue", {"secretId": secret["id"]})
    assert (code, message) == ("permission_denied", "values are only given to environments")


def test_an_empty_value_is_no_new_value(asking, scopes):
    secret = create(asking, scopes["project"])
    assert asking.refusal(UPDATE, {"secretId": secret["id"], "value": ""})[0] == "invalid_argument"
    assert asking.world.secret_matches(secret["id"], CANARY)


def test_a_member_keeps_their_own_and_the_projects_secrets_and_sees_the_organizations(asking, scopes):
    token = TOKEN + MEMBER
    me = {"userId": asking.world.organization.members[2]["userId"]}
    other, organization = create(asking, scopes["user"]), create(asking, scopes["organization"])
    body = {"name": "MINE", "value": "x", "environmentVariable": True}
    mine = asking.ask(CREATE, {**body, "scope": me}, token=token)["secret"]
    asking.ask(CREATE, {**body, "scope": scopes["project"]}, token=token)
    for scope in (scopes["organization"], scopes["user"], scopes["service account"]):
        assert asking.refusal(CREATE, {**body, "scope": scope}, token=token)[0] == "permission_denied"
    listed = asking.ask(LIST, {"pagination": {"pageSize": 100}}, token=token)["secrets"]
    kinds = {next(iter(secret["scope"])) for secret in listed}
    assert kinds == {"organizationId", "projectId", "userId"}
    assert {each["scope"]["userId"] for each in listed if "userId" in each["scope"]} == {me["userId"]}
    assert asking.refusal(LIST, {"filter": {"scope": scopes["user"]}}, token=token)[0] == "permission_denied"
    assert asking.refusal(DELETE, {"secretId": organization["id"]}, token=token)[0] == "permission_denied"
    assert asking.refusal(DELETE, {"secretId": other["id"]}, token=token)[0] == "not_found"
    asking.ask(UPDATE, {"secretId": mine["id"], "value": "next"}, token=token)
    asking.ask(DELETE, {"secretId": mine["id"]}, token=token)


def test_a_read_only_token_lists_and_changes_nothing(asking, scopes):
    secret, token = create(asking, scopes["project"]), TOKEN + READ_ONLY
    assert asking.ask(LIST, token=token)["secrets"]
    for rpc, body in ((UPDATE, {"secretId": secret["id"], "value": "x"}), (DELETE, {"secretId": secret["id"]})):
        assert asking.refusal(rpc, body, token=token)[0] == "permission_denied"


@pytest.mark.parametrize("kind", ["organization", "project", "user", "service account"])
def test_a_new_secret_reaches_what_runs_in_its_scope_with_the_next_start(asking, scopes, kind):
    identifier = running_in(asking, scopes, kind)
    elsewhere = asking.world.add_environment(
        Condition(never_stops=True), metadata={"projectId": "", "creator": {"id": NOWHERE}}
    )
    before = int(asking.environment(identifier)["spec"]["specVersion"])
    assert synced(asking, identifier)
    secret = create(asking, scopes[kind])
    assert not synced(asking, identifier)
    assert synced(asking, elsewhere) is (kind != "organization")
    assert "FRESH" not in mounted(asking, identifier)
    assert int(asking.environment(identifier)["spec"]["specVersion"]) == before
    restart(asking, identifier)
    mount = mounted(asking, identifier)["FRESH"]
    assert (mount["id"], mount["environmentVariable"]) == (secret["id"], "FRESH")
    assert mount["scope"] == f"SCOPE_{kind.upper().replace(' ', '_')}"
    assert synced(asking, identifier)
    assert secret["id"] in [each["id"] for each in asking.environment(identifier)["status"]["secrets"]]


def test_a_new_value_or_a_deletion_reaches_what_runs_with_the_next_start_too(asking, scopes):
    secret = create(asking, scopes["project"])
    identifier = running_in(asking, scopes)
    session = mounted(asking, identifier)["FRESH"]["session"]
    asking.ask(UPDATE, {"secretId": secret["id"], "value": "next"})
    assert not synced(asking, identifier)
    restart(asking, identifier)
    assert synced(asking, identifier)
    assert mounted(asking, identifier)["FRESH"]["session"] != session
    asking.ask(DELETE, {"secretId": secret["id"]})
    assert not synced(asking, identifier)
    assert "FRESH" in mounted(asking, identifier)
    restart(asking, identifier)
    assert synced(asking, identifier)
    assert "FRESH" not in mounted(asking, identifier)


def test_a_rebuild_brings_todays_secrets_as_well(asking, scopes):
    identifier = running_in(asking, scopes)
    create(asking, scopes["project"])
    spec = {"devcontainer": {"session": "s-2"}}
    asking.ask("EnvironmentService/UpdateEnvironment", {"environmentId": identifier, "spec": spec})
    asking.world.advance(timedelta(minutes=5))
    assert "FRESH" in mounted(asking, identifier)
    assert synced(asking, identifier)


def test_a_secret_made_while_an_environment_starts_leaves_it_out_of_sync(asking, scopes):
    identifier = running_in(asking, scopes, phase="STARTING", step="content")
    create(asking, scopes["project"])
    asking.world.advance(timedelta(minutes=6))
    assert asking.environment(identifier)["status"]["phase"] == "ENVIRONMENT_PHASE_RUNNING"
    assert not synced(asking, identifier)


def test_a_new_environment_mounts_what_covers_it(asking, scopes):
    create(asking, scopes["project"])
    body = {"projectId": scopes["project"]["projectId"]}
    made = asking.ask("EnvironmentService/CreateEnvironmentFromProject", body)["environment"]
    covering = {each["id"] for each in mounts(asking.world, made["metadata"])}
    assert {each["id"] for each in made["spec"]["secrets"]} == covering
    assert "FRESH" in mounted(asking, made["id"])


def test_a_value_is_kept_nowhere(asking, scopes, tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        secret = create(asking, scopes["project"])
        asking.ask(UPDATE, {"secretId": secret["id"], "value": f"{CANARY}-2"})
        asking.refusal(CREATE, {"name": "FRESH", "value": CANARY, "scope": scopes["project"], "apiOnly": True})
        asking.refusal(CREATE, {"name": "no", "value": CANARY})
    assert CANARY not in caplog.text
    save(asking.world, tmp_path / "world")
    assert CANARY.encode() not in (tmp_path / "world").read_bytes()
    assert CANARY not in repr(vars(asking.world))
    validation = asking.sandbox.application._fast._validation
    assert CANARY.encode() not in repr(validation._good).encode()
    restored = restore(tmp_path / "world")
    assert restored.secret_matches(secret["id"], f"{CANARY}-2")
    assert [entry.body for entry in restored.secrets.walk({})] == [
        entry.body for entry in asking.world.secrets.walk({})
    ]


def test_a_state_file_from_before_there_were_secrets_is_still_read(tmp_path):
    path = tmp_path / "world"
    save(World(environments=5, seed=1), path)
    fields = msgspec.msgpack.decode(path.read_bytes())
    for newer in ("secrets", "digests", "tempers"):
        del fields[newer]
    path.write_bytes(msgspec.msgpack.encode(fields))
    assert len(restore(path).environments) == 5


def test_trouble_is_for_secrets_too(asking, scopes):
    body = {"name": "FRESH", "value": CANARY, "scope": scopes["project"], "apiOnly": True}
    for kind, done in (("reset", False), ("reset_after", True)):
        asking.sandbox.faults.inject(kind, rpc=CREATE)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            asking.post(CREATE, body)
        assert any(entry.facts.name == "FRESH" for entry in asking.world.secrets.entries.values()) is done
