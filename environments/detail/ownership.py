"""Owner, project, class and runner of an environment, with names and ids."""

from __future__ import annotations

from environments.detail.fields import NOT_SET, Fact
from environments.documents.json_part import Document, as_text
from environments.models import Environment
from portal.directory.models import EnvironmentClass, Runner
from portal.web.enum_labels import enum_label


def owner(environment: Environment, document: Document) -> list[Fact]:
    creator = document.metadata.part("creator")
    return [
        Fact("Owner", environment.owner_name, "owner", identity=environment.creator_id),
        Fact("E-mail", environment.owner_email),
        Fact("Owner type", enum_label(creator.text("principal"))),
        Fact("Owner id", creator.text("id"), "code"),
    ]


def machine_location(
    environment: Environment, document: Document, runner: Runner | None, kind: EnvironmentClass | None
) -> list[Fact]:
    """Class and runner; details only if the directory has them."""
    facts = [
        Fact(
            "Class", environment.class_name, "class", note=kind.description if kind else "",
            identity=environment.class_id,
        ),
        Fact("Class id", document.spec.part("machine").text("class"), "code"),
        Fact("Runner", environment.runner_name, "runner", identity=environment.runner_id),
        Fact("Runner id", document.metadata.text("runnerId"), "code"),
    ]  # fmt: skip
    if runner is None:
        return facts
    return [
        *facts,
        Fact("Region", runner.region),
        Fact("Runner phase", runner.phase, "phase", note=runner.message),
        Fact("Runner version", runner.version),
    ]


def identifiers(environment: Environment, document: Document) -> list[Fact]:
    metadata, spec = document.metadata, document.spec
    return [
        Fact("Environment", str(environment.id), "code"),
        Fact("Role", enum_label(metadata.text("role"))),
        Fact(
            "Project", environment.project_name, "project", "none" if not environment.project_id else "unknown",
            identity=environment.project_id,
        ),
        Fact("Project id", metadata.text("projectId"), "code", "none"),
        Fact("Organization id", metadata.text("organizationId"), "code"),
        Fact("Session id", metadata.text("sessionId"), "code", NOT_SET),
        Fact("Prebuild id", metadata.text("prebuildId"), "code", NOT_SET),
        Fact("Workflow action id", spec.text("workflowActionId"), "code", NOT_SET),
        Fact("Specification version", spec.text("specVersion")),
        Fact("Status version", document.status.text("statusVersion")),
        Fact("Annotations", _annotations(document), "list", "none"),
    ]  # fmt: skip


def _annotations(document: Document) -> list[str]:
    return [f"{name}: {as_text(value)}" for name, value in document.metadata.part("annotations").fields.items()]
