"""The columns derived from services, tasks and executions (EnvironmentAutomationService)."""

from __future__ import annotations

from environments.sync.upsert import HIGHER_VERSION, LATER, Part, Row, Table, digest
from portal.ona.documents.automations import ServiceDocument, TaskDocument, TaskExecutionDocument

METADATA_COLUMNS = {
    "metadata_digest": "bigint",
    "environment_id": "uuid",
    "creator_id": "uuid",
    "created_at": "timestamptz",
}
DEFINITION_COLUMNS = METADATA_COLUMNS | {
    "reference": "text",
    "name": "text",
    "description": "text",
    "triggers": "text[]",
}
STATUS_COLUMNS = {"status_version": "numeric", "phase": "text", "failure": "text", "log_url": "text"}
LONGEST_STARTER = 200  # characters; an id or a word, but indexed, so longer texts would not fit
SEEN = {"seen_at": "timestamptz"}
# copied from the environment; automations.sync.denormalized_names updates them when it changes or arrives later
ENVIRONMENT_NAMES = {
    "environment_name": ("metadata", "coalesce(environment.name, '')"),
    "project_id": ("metadata", "environment.project_id"),
    "project_name": ("metadata", "coalesce(environment.project_name, '')"),
    "owner_id": ("metadata", "environment.creator_id"),
    "owner_name": ("metadata", "coalesce(environment.owner_name, '')"),
}
ENVIRONMENT_JOIN = "LEFT JOIN environments_environment environment ON environment.id = r.environment_id"
MEMBER_ID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"  # a Postgres pattern

SERVICES = Table(
    "automations_service",
    (
        Part("metadata", DEFINITION_COLUMNS | {"role": "text"}, LATER),
        Part("spec", {"spec_version": "numeric", "desired_phase": "text"}, HIGHER_VERSION),
        Part("status", STATUS_COLUMNS, HIGHER_VERSION),
    ),
    names=ENVIRONMENT_NAMES,
    joins=ENVIRONMENT_JOIN,
    fixed=SEEN,
)
TASKS = Table(
    "automations_task",
    (
        Part("metadata", DEFINITION_COLUMNS, LATER),
        Part(
            "spec",
            {"command": "text", "depends_on": "uuid[]"},
            "i.later AND (e.spec, e.depends_on) IS DISTINCT FROM (i.spec, i.depends_on)",
        ),
    ),
    names=ENVIRONMENT_NAMES,
    joins=ENVIRONMENT_JOIN,
    fixed=SEEN,
)
EXECUTIONS = Table(
    "automations_taskexecution",
    (
        Part(
            "metadata",
            METADATA_COLUMNS
            | {"task_id": "uuid", "started_by": "text", "started_at": "timestamptz", "completed_at": "timestamptz"},
            LATER,
        ),
        Part("spec", {"desired_phase": "text"}, LATER),
        Part("status", STATUS_COLUMNS, HIGHER_VERSION),
    ),
    names=ENVIRONMENT_NAMES
    | {
        "reference": ("metadata", "coalesce(task.reference, '')"),
        "task_name": ("metadata", "coalesce(task.name, '')"),
        "started_by_name": ("metadata", "coalesce(nullif(starter.name, ''), r.started_by)"),
    },
    joins=f"""
        {ENVIRONMENT_JOIN}
        LEFT JOIN automations_task task ON task.id = r.task_id
        LEFT JOIN directory_member starter
            ON starter.id = CASE WHEN r.started_by ~* '{MEMBER_ID}' THEN r.started_by::uuid END
    """,
    fixed=SEEN,
)


def service_row(document: ServiceDocument) -> Row:
    return (
        _definition(document)
        | _status(document)
        | {
            "role": document.metadata.head.role,
            "metadata_digest": digest(document.metadata.raw),
            "spec_version": document.spec.head.spec_version,
            "desired_phase": document.spec.head.desired_phase,
        }
    )


def task_row(document: TaskDocument) -> Row:
    return _definition(document) | {
        "metadata_digest": digest(document.metadata.raw + document.spec.raw + repr(document.depends_on).encode()),
        "command": document.spec.head.command,
        "depends_on": document.depends_on,
    }


def execution_row(document: TaskExecutionDocument) -> Row:
    head = document.metadata.head
    return (
        _parts(document)
        | _status(document)
        | {
            "metadata_digest": digest(document.metadata.raw + document.spec.raw),
            "task_id": head.task_id,
            "started_by": head.started_by[:LONGEST_STARTER],
            "started_at": head.started_at,
            "completed_at": head.completed_at,
            "desired_phase": document.spec.head.desired_phase,
        }
    )


def _parts(document: ServiceDocument | TaskDocument | TaskExecutionDocument) -> Row:
    head = document.metadata.head
    return {
        "id": document.id,
        "environment_id": document.environment_id,
        "metadata": document.metadata.storable.decode(),
        "creator_id": head.creator.id,
        "created_at": head.created_at,
        "spec": document.spec.storable.decode(),
    }


def _definition(document: ServiceDocument | TaskDocument) -> Row:
    head = document.metadata.head
    return _parts(document) | {
        "reference": head.reference,
        "name": head.name,
        "description": head.description,
        "triggers": head.triggers,
    }


def _status(document: ServiceDocument | TaskExecutionDocument) -> Row:
    head = document.status.head
    return {
        "status": document.status.storable.decode(),
        "status_version": head.status_version,
        "phase": head.phase,
        "failure": head.failure_message,
        "log_url": head.log_url,
    }
