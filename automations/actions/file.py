"""Apply an automations file (EnvironmentAutomationService.UpsertAutomationsFile)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from django.core.exceptions import PermissionDenied

from automations import sync
from automations.actions import catalogue
from automations.actions.performing import Change, perform, target_of
from automations.file.describing import describe
from automations.models import Service, Task
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import Asked
from portal.ona import OnaClient

File = Mapping[str, Mapping[str, Mapping[str, Any]]]
DEFAULTS = {"role": "default"}


def apply_automations_file(*, environment: Environment, file: File, **asked: Unpack[Asked]) -> Operation:
    """UpsertAutomationsFile with `file` (AutomationsFile, in Ona's JSON): creates and changes, removes nothing.

    The operation's `after` has the ids that changed as "updatedServiceIds" and "updatedTaskIds". PermissionDenied
    unless the actor may create and change services and tasks alike; what else is raised, see `perform`.
    """
    actor = asked["actor"]
    if not actor.has_perms(catalogue.FILE_PERMISSIONS):  # type: ignore[union-attr]
        raise PermissionDenied("Your roles do not let you create and change services and tasks.")
    after = flat(file)

    def look(client: OnaClient, answer: Any) -> Mapping[str, Any]:
        present_of(client, environment, after)
        ids = {"updatedServiceIds": answer.updated_service_ids, "updatedTaskIds": answer.updated_task_ids}
        return {"after": ids}

    change = Change(
        catalogue.APPLY_FILE,
        lambda client: client.upsert_automations_file(environment.pk, file),
        {"environmentId": environment.pk, "automationsFile": file},
        lambda client: present_of(client, environment, after),
        after,
        look=look,
    )
    target = target_of("automations_file", None, "automations file", environment)
    return perform(environment, None, target, change, asked)


def _normal(reference: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """As Ona has it: an absent name is the reference, an absent role the default."""
    given = {"name": reference, **values}
    return {key: value for key, value in given.items() if value not in ("", [], {}, False, None, DEFAULTS.get(key))}


def flat(file: File) -> dict[str, Any]:
    """{"services.db": {name, …}, "tasks.build": …}, with what a file may leave out filled in."""
    return {
        f"{part}.{reference}": _normal(reference, values)
        for part in ("services", "tasks")
        for reference, values in file.get(part, {}).items()
    }


def present_of(client: OnaClient, environment: Environment, after: Mapping[str, Any]) -> dict[str, Any]:
    """What the environment has of the services and tasks that `after` names, in the same shape; read from Ona now."""
    for kind in (sync.SERVICE_KIND, sync.TASK_KIND):
        for page in kind.pages(client)([environment.pk]):
            sync.observe(kind, [sync.Seen(page.sent_at, document) for document in page.items])
    services = Service.objects.of(environment).order_by("reference", "pk")
    tasks = Task.objects.of(environment).order_by("reference", "pk")
    there = describe(services, tasks).message
    return {name: value for name, value in flat(there).items() if name in after}
