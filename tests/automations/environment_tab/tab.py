"""For tests of the Automations tab: environments with automations at the sandbox, and forms as a browser sends them."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from automations.models import Service, Task
from automations.sync.observe import fetch_one
from automations.sync.resource_types import SERVICE_KIND, TASK_KIND
from environments.models import Environment
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox
from tests.support.editor import cached, fields

DOCKER = {"docker": {"image": "postgres:17", "environment": ["POSTGRES_DB=app"]}}
SERVICE_SPEC: dict[str, Any] = {
    "commands": {"start": "serve\n  --port 80\n", "ready": "curl localhost", "stop": "kill 1"},
    "runsOn": DOCKER,
    "env": [{"name": "MODE", "value": "canary-mode"}, {"name": "LEVEL", "value": "canary-level"}],
    "readinessTimeout": "120s",
}
TASK_SPEC: dict[str, Any] = {"command": "make", "env": [{"name": "MODE", "value": "canary-mode"}]}


def environment(sandbox: Sandbox) -> Environment:
    """A running environment without automations; the stand-in gives most some."""
    identifier = sandbox.world.add_environment(metadata={"name": "tabby otter"})
    for kind in ("TASK_EXECUTION", "TASK", "SERVICE"):
        for entry in list(sandbox.world.table(kind).walk({"environment": [identifier]})):
            sandbox.world.drop(kind, entry.key[1])
    return cached(sandbox, identifier)


def service(sandbox: Sandbox, of: Environment, reference: str = "web", **parts: Any) -> Service:
    """A stopped service."""
    metadata = {"reference": reference, "name": reference.capitalize()} | parts.pop("metadata", {})
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        made = client.create_service(of.pk, metadata=metadata, spec=SERVICE_SPEC | parts)
        fetch_one(client, SERVICE_KIND, made.id)
    return Service.objects.get(pk=made.id)


def task(
    sandbox: Sandbox, of: Environment, reference: str = "build", needs: tuple[Task, ...] = (), **parts: Any
) -> Task:
    """A task that runs after `needs`."""
    metadata = {"reference": reference, "name": reference.capitalize()} | parts.pop("metadata", {})
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        ids = [each.pk for each in needs]
        made = client.create_task(of.pk, metadata=metadata, spec=TASK_SPEC | parts, depends_on=ids)
        fetch_one(client, TASK_KIND, made.id)
    return Task.objects.get(pk=made.id)


def there(sandbox: Sandbox, subject: Service | Task) -> dict[str, Any]:
    """Its document at the sandbox, as it is."""
    table = sandbox.world.services if isinstance(subject, Service) else sandbox.world.tasks
    document: dict[str, Any] = table.entries[str(subject.pk)].document()
    return document


def url(verb: str, subject: Service | Task) -> str:
    """The address of a form about it."""
    thing = "service" if isinstance(subject, Service) else "task"
    return reverse(f"automations:{verb}-{thing}", args=[subject.environment_id, subject.pk])


def new(thing: str, of: Environment) -> str:
    """The address of the form for a new one."""
    return reverse(f"automations:create-{thing}", args=[of.pk])


def send(client: Client, address: str, shown: Any = None, **typed: Any) -> Any:
    """Open the form, or take the one that is `shown`, type into it, send it; None takes a field out."""
    opened = shown or client.get(address)
    assert shown or opened.status_code == 200
    form = fields(opened) | {name.replace("__", "-"): value for name, value in typed.items()}
    return client.post(address, {name: value for name, value in form.items() if value is not None})


def saved(answer: Any) -> bool:
    """Whether the form led back to the tab."""
    return answer.status_code == 302 and answer["Location"].endswith("/automations/")


def made(thing: type[Service] | type[Task], reference: str) -> Any:
    """The row of the one that has this reference."""
    return thing.objects.get(reference=reference)
