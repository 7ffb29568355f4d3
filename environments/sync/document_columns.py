"""The columns derived from an environment's document: the only place that maps fields to columns."""

from __future__ import annotations

from datetime import timedelta

from portal.ona.documents.environments import EnvironmentDocument, MetadataHead, SpecHead, StatusHead

from .upsert import HIGHER_VERSION, LATER, Part, Row, Table, digest

EVERYONE = "ADMISSION_LEVEL_EVERYONE"
CONTAINER_RUNS = "PHASE_RUNNING"

METADATA = Part(
    "metadata",
    {
        "metadata_digest": "bigint",
        "organization_id": "uuid",
        "name": "text",
        "creator_id": "uuid",
        "creator_principal": "text",
        "context_url": "text",
        "created_at": "timestamptz",
        "project_id": "uuid",
        "runner_id": "uuid",
        "last_started_at": "timestamptz",
        "archived_at": "timestamptz",
        "role": "text",
        "lockdown_at": "timestamptz",
    },
    LATER,
)
SPEC = Part(
    "spec",
    {
        "spec_version": "numeric",
        "desired_phase": "text",
        "class_id": "uuid",
        "spec_repository": "text",
        "spec_branch": "text",
        "timeout": "interval",
        "shared_ports": "int[]",
        "open_to_everyone": "boolean",
    },
    HIGHER_VERSION,
)
STATUS = Part(
    "status",
    {
        "status_version": "numeric",
        "runner_spec_version": "numeric",
        "phase": "text",
        "machine_phase": "text",
        "content_phase": "text",
        "devcontainer_phase": "text",
        "automations_phase": "text",
        "failure": "text",
        "warning": "text",
        "git_repository": "text",
        "git_branch": "text",
        "unpushed_commits": "int",
        "changed_files": "int",
        "secrets_in_sync": "boolean",
        "devcontainer_in_sync": "boolean",
        "active_at": "timestamptz",
    },
    HIGHER_VERSION,
)
ENVIRONMENTS = Table(
    "environments_environment",
    (METADATA, SPEC, STATUS),
    names={
        "owner_name": ("metadata", "coalesce(member.name, '')"),
        "owner_email": ("metadata", "coalesce(member.email, '')"),
        "project_name": ("metadata", "coalesce(project.name, '')"),
        "runner_name": ("metadata", "coalesce(runner.name, '')"),
        "class_name": ("spec", "coalesce(class.name, '')"),
    },
    joins="""
        LEFT JOIN directory_member member ON member.id = r.creator_id
        LEFT JOIN directory_project project ON project.id = r.project_id
        LEFT JOIN directory_runner runner ON runner.id = r.runner_id
        LEFT JOIN directory_environmentclass class ON class.id = r.class_id
    """,
)


def metadata_columns(head: MetadataHead) -> Row:
    return {
        "organization_id": head.organization_id,
        "name": head.name,
        "creator_id": head.creator.id,
        "creator_principal": head.creator.principal,
        "context_url": head.original_context_url,
        "created_at": head.created_at,
        "project_id": head.project_id,
        "runner_id": head.runner_id,
        "last_started_at": head.last_started_at,
        "archived_at": head.archived_at,
        "role": head.role,
        "lockdown_at": head.lockdown_at,
    }


def spec_columns(head: SpecHead) -> Row:
    initializer = head.content.initializer
    return {
        "spec_version": head.spec_version,
        "desired_phase": head.desired_phase,
        "class_id": head.machine.class_id,
        "spec_repository": initializer.repository,
        "spec_branch": initializer.git.clone_target if initializer.git else "",
        "timeout": interval(head.timeout.disconnected),
        "shared_ports": sorted({port.port for port in head.ports}),
        "open_to_everyone": any(port.admission == EVERYONE for port in head.ports),
    }


def status_columns(head: StatusHead) -> Row:
    git = head.git
    container = head.devcontainer
    # Ona omits false: only a running container can be reported to lack its secrets or configuration.
    runs = container is not None and container.phase == CONTAINER_RUNS
    return {
        "status_version": head.status_version,
        "runner_spec_version": head.runner_ack.spec_version,
        "phase": head.phase,
        "machine_phase": head.machine.phase if head.machine else "",
        "content_phase": head.content.phase if head.content else "",
        "devcontainer_phase": container.phase if container else "",
        "automations_phase": head.automations_file.phase if head.automations_file else "",
        "failure": "\n".join(messages(head, "failure_message")),
        "warning": "\n".join(messages(head, "warning_message")),
        "git_repository": git.clone_url if git else "",
        "git_branch": git.branch if git else "",
        "unpushed_commits": git.total_unpushed_commits if git else None,
        "changed_files": git.total_changed_files if git else None,
        "secrets_in_sync": container.secrets_in_sync if container and runs else None,
        "devcontainer_in_sync": container.devcontainerconfig_in_sync if container and runs else None,
        "active_at": head.activity_signal.timestamp if head.activity_signal else None,
    }


def messages(head: StatusHead, kind: str) -> list[str]:
    """The environment's own messages, then those of its components, each prefixed with the component."""
    components = {
        "machine": head.machine,
        "content": head.content,
        "devcontainer": head.devcontainer,
        "automations file": head.automations_file,
        **{f"secret {secret.secret_name or secret.id}": secret for secret in head.secrets},
    }
    own: list[str] = getattr(head, kind)
    parts = [f"{name}: {getattr(part, kind)}" for name, part in components.items() if part and getattr(part, kind)]
    return [message for message in own if message] + parts


def interval(duration: timedelta | None) -> str | None:
    """A duration as a Postgres interval."""
    return None if duration is None else f"{duration.total_seconds()} seconds"


def row(document: EnvironmentDocument) -> Row:
    """The row of a document, without `sent_at` and `later`."""
    return {
        "id": document.id,
        "metadata": document.metadata.storable.decode(),
        "metadata_digest": digest(document.metadata.raw),
        **metadata_columns(document.metadata.head),
        "spec": document.spec.storable.decode(),
        **spec_columns(document.spec.head),
        "status": document.status.storable.decode(),
        **status_columns(document.status.head),
    }
