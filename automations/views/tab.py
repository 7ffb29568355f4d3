"""The Automations tab of an environment's page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID
from zlib import crc32

from django.http import HttpRequest, HttpResponse

from automations.detail import execution_row, service_row, task_row
from automations.models import Service, Task, TaskExecution
from environments import detail
from environments.facts import Document
from environments.views.detail import find, nothing_new, render_tab
from portal.directory.models import Member
from portal.web.permissions import permission

EXECUTIONS = 100
ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@permission("environments.view_environment", "automations.view_task")
def of_environment(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    """The tab of an environment's page that tells its services, its tasks and their newest executions."""
    environment = find(environment_id)
    services = list(Service.objects.of(environment).order_by("reference", "id"))
    tasks = list(Task.objects.filter(environment=environment).order_by("reference", "id"))
    executions = list(TaskExecution.objects.of(environment).order_by("-created_at", "id")[: EXECUTIONS + 1])
    newest = TaskExecution.objects.of(environment).order_by("task_id", "-created_at").distinct("task_id")
    revision = _revision(services, tasks, executions)
    if nothing_new(request, environment, revision):
        return HttpResponse(status=204)
    names = {task.id: task for task in tasks}
    people = _people(executions)
    last = {execution.task_id: execution for execution in newest}
    context = {
        "automations_file": detail.automations_file(Document(environment)),
        "services": [service_row(service) for service in services],
        "tasks": [task_row(task, last, names) for task in tasks if task.gone_at is None],
        "executions": [execution_row(execution, names, people) for execution in executions[:EXECUTIONS]],
        "has_more": len(executions) > EXECUTIONS,
        "limit": EXECUTIONS,
    }
    return render_tab(request, environment, "automations", "automations/_of_environment.html", context, revision)


def _people(executions: Iterable[TaskExecution]) -> dict[str, str]:
    """The names of those who started executions, by their ids as the executions tell them."""
    ids = {execution.started_by for execution in executions if ID.fullmatch(execution.started_by)}
    return {str(id_): name for id_, name in Member.objects.filter(pk__in=ids).values_list("pk", "name")}


def _revision(*rows: list[Service] | list[Task] | list[TaskExecution]) -> str:
    """Of what the tab shows: changes when a row is written, comes or goes."""
    return f"{crc32(repr([(row.id, row.changed_at, row.gone_at) for some in rows for row in some]).encode()):08x}"
