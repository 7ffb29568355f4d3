"""Apply an automations file (EnvironmentAutomationService.UpsertAutomationsFile)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Unpack
from uuid import UUID

from django.core.exceptions import PermissionDenied

from automations.actions.change import change_automations, read_all, target_of
from automations.actions.reconcile import WRITE_DEFINITIONS, beside, environment_of, has_environment
from automations.actions.values import is_nothing, spoken
from automations.file_format.describe import describe
from automations.models import Service, Task
from automations.sync import observe
from environments.actions.reconcile import judge
from environments.actions.registry import Action, Danger, Verdict
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext, plain
from portal.ona import OnaClient

Entry = Mapping[str, Any]
File = Mapping[str, Mapping[str, Entry]]
PARTS = ("services", "tasks")
# a file creates and changes services and tasks alike
FILE_PERMISSIONS = tuple(f"automations.{verb}_{thing}" for thing in ("service", "task") for verb in ("add", "change"))


def apply_automations_file(*, environment: Environment, file: File, **context: Unpack[RequestContext]) -> Operation:
    """UpsertAutomationsFile with `file` (AutomationsFile, in Ona's JSON): creates and changes, removes nothing.

    The operation's `after` has the ids that changed as "updatedServiceIds" and "updatedTaskIds". PermissionDenied
    unless the actor may create and change services and tasks alike; else as `environments.actions.execute`.
    """
    actor = context["actor"]
    if not actor.has_perms(FILE_PERMISSIONS):  # type: ignore[union-attr]
        raise PermissionDenied("Your roles do not let you create and change services and tasks.")
    after = flat(file)

    def read_back(client: OnaClient, answer: Any) -> Mapping[str, Any]:
        present_of(client, environment, ())  # into the cache
        ids = {"updatedServiceIds": answer.updated_service_ids, "updatedTaskIds": answer.updated_task_ids}
        return {"after": ids}

    return change_automations(
        APPLY_FILE,
        environment,
        target_of("automations_file", None, "automations file", environment),
        lambda client: client.upsert_automations_file(environment.pk, file),
        context,
        request={"environmentId": environment.pk, "automationsFile": spoken(file)},
        before=lambda client: present_of(client, environment, after),
        after=after,
        read_back=read_back,
    )


def flat(file: File) -> dict[str, Any]:
    """{"services.db": {name, …}, "tasks.build": …} without what makes no difference, as the ledger keeps it."""
    return {f"{part}.{reference}": _normal(entry) for part in PARTS for reference, entry in file.get(part, {}).items()}


def _normal(entry: Entry) -> dict[str, Any]:
    """As Ona has it: an absent role is the default one, and the order of words is nothing."""
    given = {name: value for name, value in spoken(entry).items() if not is_nothing(value)}
    if docker := given.get("runsOn", {}).get("docker"):
        given["runsOn"] = {"docker": {name: value for name, value in docker.items() if not is_nothing(value)}}
    same = {name: value for name, value in given.items() if (name, value) != ("role", "default")}
    return same | {name: sorted(set(same[name])) for name in ("triggeredBy", "dependsOn") if name in same}


def present_of(client: OnaClient, environment: Environment, names: Iterable[str]) -> dict[str, Any]:
    """What the environment has of these ("services.db"), in the shape of `flat`; None where it has none.

    Read from Ona now; nothing at all where a part of it cannot be read, for then no name is known to be absent.
    """
    ids: list[UUID] = []
    for kind in (observe.SERVICE_KIND, observe.TASK_KIND):
        documents, is_whole = read_all(client, kind, environment)
        if not is_whole:
            return {}
        ids += [document.id for document in documents]
    services = Service.objects.filter(pk__in=ids).order_by("reference", "pk")
    tasks = Task.objects.filter(pk__in=ids).order_by("reference", "pk")
    there = flat(describe(services, tasks).present)
    return {name: there.get(name) for name in names}


def _applied(client: OnaClient, operation: Operation) -> Verdict:
    """By what its environment has of the file's services and tasks, unless others made and changed such beside it."""
    environment = environment_of(operation)
    if environment is None or not operation.before or not has_environment(client, operation):
        return Verdict.UNPROVEN
    present = plain(present_of(client, environment, operation.after))
    if not present or beside(operation).filter(action__in=WRITE_DEFINITIONS).exists():
        return Verdict.UNPROVEN
    return judge(operation.before, operation.after, present)


APPLY_FILE = Action(
    name="automations_file.apply", label="Apply automations file", past="applied", in_ledger="apply automations file",
    permission="automations.change_task", do=apply_automations_file, danger=Danger.REASON, proof=_applied,
)  # fmt: skip
ACTIONS = (APPLY_FILE,)
