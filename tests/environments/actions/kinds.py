"""Each kind of change once: how it is asked for, by which call, and what it changes at Ona. For tests and victims."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from environments.actions import creation, lifecycle, metadata, specification, tokens
from environments.actions.specification_parts import Port
from environments.models import Environment, Secret
from environments.models.secret_scope import Scope, ScopeKind
from environments.secrets import actions
from environments.secrets.sync import read_scope
from portal.directory.models import Project
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.ona.documents.tokens import Secret as Value
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.automations.actions.kinds import KINDS as AUTOMATIONS
from tests.environments.actions.kind import Act, Kind

FAR = datetime(2040, 1, 1, tzinfo=UTC)
UPDATE = "EnvironmentService/UpdateEnvironment"


def number(sandbox: Sandbox, environment: Environment) -> int:
    """How many environments Ona has."""
    return len(sandbox.world.environments.entries)


def _scope(environment: Environment) -> Scope:
    assert environment.organization_id
    return Scope(ScopeKind.ORGANIZATION, environment.organization_id)


def secrets_of(sandbox: Sandbox, environment: Environment) -> Any:
    """The organization's secrets, each with the time of its value."""
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        pages = client.secret_pages(_scope(environment).message)
        return sorted((str(secret.id), secret.updated_at) for page in pages for secret in page.items)


def project(sandbox: Sandbox, environment: Environment) -> None:
    """The first project is known."""
    first, now = sandbox.world.organization.projects[0], timezone.now()
    seen = {"first_seen_at": now, "seen_at": now}
    Project.objects.get_or_create(id=first["id"], defaults=seen | {"name": first["metadata"]["name"]})


def _name(environment: Environment) -> str:
    return f"FOR_{environment.pk.hex}"


def a_secret(sandbox: Sandbox, environment: Environment) -> None:
    """A secret of the organization, some time ago."""
    scope = _scope(environment)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        client.create_secret(_name(environment), Value("old"), scope=scope.message, mount={"environmentVariable": True})
        read_scope(client, scope)
    sandbox.world.advance(timedelta(seconds=5))


def _of(act: Callable[..., Operation], **arguments: Any) -> Act:
    return lambda environment, actor: act(environment=environment, actor=actor, reason="for a test", **arguments)


def _edit(act: Callable[..., Operation], **arguments: Any) -> Kind:
    return Kind(UPDATE, _of(act, **arguments), Condition(kernel_controls=True))


def _create(environment: Environment, actor: User) -> Operation:
    assert environment.class_id
    url = "https://github.com/acme/app"
    return creation.create_environment(url=url, class_id=environment.class_id, name="new", actor=actor)


def _create_from_project(environment: Environment, actor: User) -> Operation:
    return creation.create_environment_from_project(project=Project.objects.all()[0], name="new", actor=actor)


def _add_secret(environment: Environment, actor: User) -> Operation:
    return actions.create_secret(
        environment=environment, scope=_scope(environment), name=_name(environment), mount={"apiOnly": True},
        credential_proxy=None, value=Value("new"), actor=actor, reason="for a test",
    )  # fmt: skip


def _secret(environment: Environment) -> Secret:
    return Secret.objects.get(name=_name(environment))


KINDS = {
    "start": Kind("EnvironmentService/StartEnvironment", _of(lifecycle.start_environment), Condition("STOPPED")),
    "stop": Kind("EnvironmentService/StopEnvironment", _of(lifecycle.stop_environment)),
    "mark active": Kind("EnvironmentService/MarkEnvironmentActive", _of(lifecycle.mark_environment_active)),
    "archive": Kind("EnvironmentService/ArchiveEnvironment", _of(lifecycle.archive_environment), Condition("STOPPED")),
    "unarchive": Kind(
        "EnvironmentService/UnarchiveEnvironment",
        _of(lifecycle.unarchive_environment),
        Condition("STOPPED", archived=True),
    ),
    "delete": Kind("EnvironmentService/DeleteEnvironment", _of(lifecycle.delete_environment)),
    "force delete": Kind("EnvironmentService/DeleteEnvironment", _of(lifecycle.delete_environment, force=True)),
    "rename": Kind(UPDATE, _of(metadata.rename_environment, name="another name")),
    "set lockdown": Kind(UPDATE, _of(metadata.set_lockdown, at=FAR)),
    "clear lockdown": Kind(UPDATE, _of(metadata.clear_lockdown), Condition(lockdown="later")),
    "ports": _edit(
        specification.edit_ports, ports=[Port(9123, "metrics", "PROTOCOL_HTTP", "ADMISSION_LEVEL_OWNER_ONLY")]
    ),
    "port limits": Kind(
        UPDATE, _of(specification.limit_ports, admission="ADMISSION_LEVEL_CREATOR_ONLY"), Condition(public_port=True)
    ),
    "timeout": _edit(specification.edit_timeout, disconnected=timedelta(minutes=95)),
    "git": _edit(specification.edit_git, username="Somebody Else", email="somebody@else.example"),
    "ssh keys": _edit(specification.edit_ssh_keys, add=[f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} me@there"]),
    "devcontainer": _edit(specification.edit_devcontainer, path="another/devcontainer.json"),
    "rebuild": _edit(specification.edit_devcontainer, path="another/devcontainer.json", rebuild=True),
    "automations file": _edit(specification.edit_automations_file, path="another/automations.yaml"),
    "content": _edit(specification.make_content_anew),
    "kernel controls": _edit(
        specification.edit_kernel_controls, enabled=True, action="KERNEL_CONTROLS_ACTION_BLOCK", denylist=["/bin/nc6"]
    ),
    "create": Kind("EnvironmentService/CreateEnvironment", _create, state=number),
    "create from project": Kind(
        "EnvironmentService/CreateEnvironmentFromProject", _create_from_project, state=number, prepare=project
    ),
    "logs token": Kind(
        "EnvironmentService/CreateEnvironmentLogsToken",
        lambda environment, actor: tokens.create_logs_token(
            environment=environment, hand_over=list[Value]().append, actor=actor, reason="x"
        ),
        leaves_a_trace=False,
    ),
    "access token": Kind(
        "EnvironmentService/CreateEnvironmentAccessToken",
        lambda environment, actor: tokens.create_access_token(
            environment=environment, hand_over=list[Value]().append, actor=actor, reason="x"
        ),
        leaves_a_trace=False,
    ),
    "add secret": Kind("SecretService/CreateSecret", _add_secret, state=secrets_of),
    "new value of a secret": Kind(
        "SecretService/UpdateSecretValue",
        lambda environment, actor: actions.update_secret_value(
            secret=_secret(environment), value=Value("new"), actor=actor, reason="x"
        ),
        state=secrets_of,
        prepare=a_secret,
    ),
    "delete secret": Kind(
        "SecretService/DeleteSecret",
        lambda environment, actor: actions.delete_secret(secret=_secret(environment), actor=actor, reason="x"),
        state=secrets_of,
        prepare=a_secret,
    ),
    **AUTOMATIONS,
}


def ask(name: str, environment_id: str, actor_id: int) -> Operation:
    """Ask for a change of this kind."""
    environment = Environment.objects.get(pk=environment_id)
    return KINDS[name].act(environment, User.objects.get(pk=actor_id))
