"""What the editor's actions do at Ona: change their part and nothing else, and never over somebody else's change."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone
from gitpod.v1 import environment_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from environments.actions import registry, specification
from environments.actions import specification_parts as parts
from environments.actions.execute import Conflict, NotPossible, ReasonMissing
from environments.actions.reconcile import by_state
from environments.actions.registry import Verdict
from environments.actions.specification_parts import Port, Seen
from environments.models import Environment
from portal.directory.connection import ona
from portal.directory.models import Organization
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from tests.support import factories
from tests.support.editor import ECDSA, ED25519, MAXIMAL, cached, maximal, spec_of

pytestmark = pytest.mark.django_db
CREATOR, EVERYONE = "ADMISSION_LEVEL_CREATOR_ONLY", "ADMISSION_LEVEL_EVERYONE"
Edit = Callable[..., Operation]


@pytest.fixture
def ada() -> User:
    return factories.user("Admin", username="ada")


def ports_of(environment: Environment, **changed: Any) -> list[Port]:
    """The ports as they are, the one on 3000 changed."""
    rows = [Port(**row) for row in parts.ports(environment)["ports"]]
    return [Port(**{**row.values(), **changed}) if row.port == 3000 else row for row in rows]


def edit_ports(environment: Environment, **asked: Any) -> Operation:
    ports = ports_of(environment, name="renamed")
    return specification.edit_ports(environment=environment, ports=ports, **asked)


def _edit(function: Edit, **given: Any) -> Edit:
    return lambda environment, **asked: function(environment=environment, **given, **asked)


EDITS: dict[str, tuple[Edit, Mapping[str, Any]]] = {
    "ports": (
        edit_ports,
        {"ports": [MAXIMAL["ports"][0], {**MAXIMAL["ports"][1], "name": "renamed"}, MAXIMAL["ports"][2]]},
    ),
    "timeout": (
        _edit(specification.edit_timeout, disconnected=timedelta(minutes=90)),
        {"timeout": {"disconnected": "5400s"}},
    ),
    "git": (
        _edit(specification.edit_git, username="Bo", email="ann@acme.example"),
        {"content": {**MAXIMAL["content"], "gitUsername": "Bo"}},
    ),
    "devcontainer": (
        _edit(specification.edit_devcontainer, path="d.json"),
        {"devcontainer": {**MAXIMAL["devcontainer"], "devcontainerFilePath": "d.json"}},
    ),
    "automations file": (
        _edit(specification.edit_automations_file, path=""),
        {"automationsFile": {name: MAXIMAL["automationsFile"][name] for name in ("session", "triggerFilter")}},
    ),
    "kernel controls": (
        _edit(specification.edit_kernel_controls, enabled=False, action="KERNEL_CONTROLS_ACTION_AUDIT", denylist=["x"]),
        {
            "kernelControlsConfig": {
                **MAXIMAL["kernelControlsConfig"],
                "veto": {
                    **MAXIMAL["kernelControlsConfig"]["veto"],
                    "exec": {
                        **MAXIMAL["kernelControlsConfig"]["veto"]["exec"],
                        "enabled": False,
                        "action": "KERNEL_CONTROLS_ACTION_AUDIT",
                        "denylist": ["x"],
                    },
                },
            }
        },
    ),
}  # fmt: skip


def unset(message: Any, path: str = "") -> list[str]:
    """The fields of a message, and of those in it, that are set nowhere; of a oneof, one is enough."""
    found = []
    for field in message.DESCRIPTOR.fields:
        values = getattr(message, field.name)
        is_list = field.label == FieldDescriptor.LABEL_REPEATED
        oneof = field.containing_oneof
        if oneof and message.WhichOneof(oneof.name) not in (field.name, None):
            continue
        if not (values if is_list else message.HasField(field.name) if field.has_presence else values):
            found.append(f"{path}{field.name}")
        elif field.message_type and field.message_type.full_name.startswith("gitpod."):
            each = [unset(value, f"{path}{field.name}.") for value in (values if is_list else [values])]
            found += [name for name in each[0] if all(name in names for names in each)]
    return found


def plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A specification as the vendor's own code writes it, without its version."""
    message = json_format.ParseDict({**spec, "specVersion": "0"}, environment_pb2.EnvironmentSpec())
    written: dict[str, Any] = json_format.MessageToDict(message)
    return written


def test_the_maximal_document_sets_every_field_the_vendor_has() -> None:
    message = json_format.ParseDict({**MAXIMAL, "specVersion": "1"}, environment_pb2.EnvironmentSpec())
    assert unset(message) == []


@pytest.mark.parametrize("part", EDITS)
def test_an_edit_changes_its_part_and_leaves_every_other_field_as_it_was(
    sandbox: Sandbox, ada: User, part: str
) -> None:
    edit, changed = EDITS[part]
    environment = maximal(sandbox)
    operation = edit(environment, actor=ada, reason="a test")
    assert (operation.outcome, operation.explanation) == (Outcome.SUCCEEDED, "")
    assert plain(spec_of(sandbox, environment)) == plain({**MAXIMAL, **changed})
    assert operation.after["specVersion"] == spec_of(sandbox, environment)["specVersion"]
    assert set(operation.request["spec"]) == {next(iter(changed))}
    assert "session" not in str(operation.request)


def test_keys_are_added_and_removed_by_id_and_the_others_stay(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    operation = specification.edit_ssh_keys(environment=environment, add=[ECDSA], remove=["key-a"], actor=ada)
    assert operation.outcome == Outcome.SUCCEEDED
    spec = spec_of(sandbox, environment)
    kept, new = spec.pop("sshPublicKeys")
    assert kept == MAXIMAL["sshPublicKeys"][0]
    assert new["value"] == ECDSA
    assert uuid.UUID(new["id"])
    others = {name: value for name, value in MAXIMAL.items() if name != "sshPublicKeys"}
    assert plain(spec) == plain(others)
    assert parts.ssh_keys(environment) == {name: operation.after[name] for name in ("sshPublicKeys",)}


def test_ports_are_added_removed_and_given_another_number(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    ports = [
        Port(3001, "moved", "PROTOCOL_HTTPS", CREATOR, was=3000),
        Port(8443, MAXIMAL["ports"][0]["name"], "PROTOCOL_HTTPS", EVERYONE),
        Port(9000, "new", "PROTOCOL_HTTP", CREATOR),
    ]
    assert specification.edit_ports(environment=environment, ports=ports, actor=ada).outcome == Outcome.SUCCEEDED
    assert spec_of(sandbox, environment)["ports"] == [
        MAXIMAL["ports"][0],
        {"port": 3001, "name": "moved", "protocol": "PROTOCOL_HTTPS", "admission": CREATOR, "authNonce": "7"},
        {"port": 9000, "name": "new", "protocol": "PROTOCOL_HTTP", "admission": CREATOR},
    ]


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (_edit(specification.edit_devcontainer, path="", rebuild=True), "devcontainer"),
        (_edit(specification.make_content_anew), "content"),
    ],
)
def test_only_what_is_asked_for_by_name_starts_a_new_session(
    sandbox: Sandbox, ada: User, edit: Edit, part: str
) -> None:
    environment = maximal(sandbox)
    with pytest.raises(ReasonMissing):
        edit(environment, actor=ada)
    operation = edit(environment, actor=ada, reason="a test")
    assert operation.outcome == Outcome.SUCCEEDED
    now = spec_of(sandbox, environment)
    assert now[part]["session"] == operation.request["spec"][part]["session"] != MAXIMAL[part]["session"]
    other = "content" if part == "devcontainer" else "devcontainer"
    assert now[other] == MAXIMAL[other]
    assert now["content"]["initializer"] == MAXIMAL["content"]["initializer"]
    assert "initializer" not in str(operation.request)


def test_a_rebuild_alone_does_not_send_the_path(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    path = MAXIMAL["devcontainer"]["devcontainerFilePath"]
    operation = specification.edit_devcontainer(
        environment=environment, path=path, rebuild=True, actor=ada, reason="a test"
    )
    assert list(operation.request["spec"]["devcontainer"]) == ["session"]


def test_fields_that_ona_gained_stay_with_their_port_and_kernel_controls(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    environment.spec["ports"][1]["brandNew"] = {"a": 1}
    environment.spec["kernelControlsConfig"]["veto"]["exec"]["brandNew"] = True
    rows = specification._ports(environment, ports_of(environment, name="renamed"))
    assert rows[1] == {**MAXIMAL["ports"][1], "name": "renamed", "brandNew": {"a": 1}}


def test_the_last_port_cannot_be_taken_away(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    operation = specification.edit_ports(environment=environment, ports=[], actor=ada)
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "not_possible")
    assert "last shared port" in operation.explanation
    assert sandbox.requests["EnvironmentService/UpdateEnvironment"] == 0


def change_at_ona(sandbox: Sandbox, environment: Environment, **spec: Any) -> None:
    sandbox.world.change(str(environment.pk), spec=spec)


def test_a_change_of_the_same_part_in_between_is_a_conflict_and_nothing_is_sent(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    seen = Seen.of(environment, parts.git)
    change_at_ona(sandbox, environment, content={"gitUsername": "Theirs"})
    operation = specification.edit_git(
        environment=environment, username="Mine", email="ann@acme.example", seen=seen, actor=ada
    )
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "conflict")
    assert (operation.before["gitUsername"], operation.after["gitUsername"]) == ("Theirs", "Mine")
    assert sandbox.requests["EnvironmentService/UpdateEnvironment"] == 0
    seen = Seen.of(cached(sandbox, str(environment.pk)), parts.git)
    operation = specification.edit_git(
        environment=environment, username="Mine", email="ann@acme.example", seen=seen, actor=ada
    )
    assert operation.outcome == Outcome.SUCCEEDED
    assert spec_of(sandbox, environment)["content"]["gitUsername"] == "Mine"


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"timeout": {"disconnected": "7200s"}},
        {"content": {"session": "another"}},
        {"content": {"gitUsername": "Mine"}},
    ],
)
def test_a_newer_version_with_another_part_changed_or_the_same_wish_goes_through(
    sandbox: Sandbox, ada: User, meanwhile: dict[str, Any]
) -> None:
    environment = maximal(sandbox)
    change_at_ona(sandbox, environment, **meanwhile)
    operation = specification.edit_git(environment=environment, username="Mine", email="ann@acme.example", actor=ada)
    assert operation.outcome == Outcome.SUCCEEDED
    assert spec_of(sandbox, environment)["content"]["gitUsername"] == "Mine"


def test_what_a_form_does_not_show_is_sent_as_ona_has_it_now(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    renewed = [{**MAXIMAL["ports"][0], "authNonce": "8"}, *MAXIMAL["ports"][1:]]
    change_at_ona(sandbox, environment, ports=renewed, kernelControlsConfig={"bpfDebugLevel": "BPF_DEBUG_LEVEL_INFO"})
    assert edit_ports(environment, actor=ada).outcome == Outcome.SUCCEEDED
    assert spec_of(sandbox, environment)["ports"][0]["authNonce"] == "8"
    edit, _ = EDITS["kernel controls"]
    assert edit(environment, actor=ada, reason="a test").outcome == Outcome.SUCCEEDED
    assert spec_of(sandbox, environment)["kernelControlsConfig"]["bpfDebugLevel"] == "BPF_DEBUG_LEVEL_INFO"


def policy(environment: Environment, **columns: Any) -> None:
    now = timezone.now()
    Organization.objects.update_or_create(
        pk=environment.organization_id,
        defaults={"first_seen_at": now, "seen_at": now, "policies_seen_at": now, **columns},
    )


def test_policies_are_held_against_the_change_before_the_call(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    policy(environment, maximum_environment_timeout=timedelta(hours=8), max_port_admission_level=CREATOR)
    refused = [
        specification.edit_timeout(environment=environment, disconnected=timedelta(0), actor=ada),
        specification.edit_timeout(environment=environment, disconnected=timedelta(hours=9), actor=ada),
        specification.edit_ports(environment=environment, ports=ports_of(environment, admission=EVERYONE), actor=ada),
    ]
    policy(environment, port_sharing_disabled=True)
    new = [*ports_of(environment), Port(9000, "new", "PROTOCOL_HTTP", "ADMISSION_LEVEL_OWNER_ONLY")]
    refused.append(specification.edit_ports(environment=environment, ports=new, actor=ada))
    assert {operation.code for operation in refused} == {"not_possible"}
    assert all("polic" in operation.explanation for operation in refused)
    assert sandbox.requests["EnvironmentService/UpdateEnvironment"] == 0


def test_what_was_shared_before_a_policy_may_stay_as_it_is(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    limits = {"portSharingDisabled": True, "maxPortAdmissionLevel": "ADMISSION_LEVEL_OWNER_ONLY"}
    sandbox.world.organization.policies.update(limits)
    policy(environment, port_sharing_disabled=True, max_port_admission_level="ADMISSION_LEVEL_OWNER_ONLY")
    assert edit_ports(environment, actor=ada).outcome == Outcome.SUCCEEDED


@pytest.mark.parametrize("role", ["", "Viewer", "Operator", "Auditor"])
def test_only_admins_may_edit(sandbox: Sandbox, role: str) -> None:
    environment, someone = maximal(sandbox), factories.user(role)
    edits = [edit for edit, _ in EDITS.values()] + [
        _edit(specification.edit_ssh_keys, add=[ED25519]),
        _edit(specification.edit_devcontainer, path="", rebuild=True),
        _edit(specification.make_content_anew),
    ]
    for edit in edits:
        with pytest.raises(PermissionDenied):
            edit(environment, actor=someone, reason="a test")
    assert Operation.objects.count() == 0


def test_an_environment_that_went_meanwhile_ends_in_a_row_that_says_so(sandbox: Sandbox, ada: User) -> None:
    environment = maximal(sandbox)
    sandbox.world.remove(str(environment.pk))
    operation = edit_ports(environment, actor=ada)
    assert (operation.outcome, operation.code) == (Outcome.FAILED, "not_found")
    assert environment.gone_at is not None


def test_every_edit_of_the_catalogue_has_values_that_can_settle_it() -> None:
    edits = {name for name in registry.ACTIONS if name.startswith("environment.edit_")}
    assert {action.name for action in specification.ACTIONS if action.part} == edits


@pytest.mark.parametrize("part", EDITS)
def test_a_lost_answer_is_settled_by_the_values_of_the_part(sandbox: Sandbox, ada: User, part: str) -> None:
    edit, _ = EDITS[part]
    environment = maximal(sandbox)
    done = edit(environment, actor=ada, reason="a test")
    edited = registry.ACTIONS[done.action].part
    assert edited
    proof = by_state(specification.with_version(edited.values), "specVersion")
    lost = Operation(
        id=uuid.uuid4(), action=done.action, before=done.before, environment_id=done.environment_id,
        asked_at=timezone.now(), sent_at=timezone.now(),
        after={name: value for name, value in done.after.items() if name != "specVersion"},
    )  # fmt: skip
    assert proof(ona(), lost) is Verdict.DONE
    sandbox.world.change(str(environment.pk), spec=MAXIMAL)
    environment = cached(sandbox, str(environment.pk))
    lost.before = {**lost.before, "specVersion": str(int(environment.spec_version))}
    assert proof(ona(), lost) is Verdict.NOT_DONE


def test_not_possible_says_why_with_a_code_of_its_own() -> None:
    conflict = Conflict({"a": 1}, {"a": 2}, {"a": 0})
    assert (conflict.code, NotPossible.code) == ("conflict", "not_possible")
    assert (conflict.mine, conflict.theirs, conflict.before) == ({"a": 1}, {"a": 2}, {"a": 0})
