"""The Automations tab of an environment's page."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID
from zlib import crc32

from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.http import HttpRequest, HttpResponse

from automations.actions.services import CREATE_SERVICE
from automations.actions.tasks import CREATE_TASK
from automations.environment_tab.rows import Reader, dependency_graph, secret_names
from automations.models import Service, Task, TaskExecution
from automations.sync.poller import follow_environment
from environments.actions.views.panel import find_environment
from environments.detail import sections
from environments.detail.views import is_unchanged, render_tab
from environments.documents.json_part import Document
from environments.models import Environment
from portal.web.htmx import is_fragment
from portal.web.permissions import permission

EXECUTIONS = 50
RUNS = 10  # per task, as marks


@permission("environments.view_environment", "automations.view_task")
def of_environment(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    """The tab with the services and tasks of an environment and their newest executions."""
    environment = find_environment(environment_id)
    if is_fragment(request):
        follow_environment(environment)  # before the rows are read, so that this answer includes the result
    services = list(Service.objects.of(environment).order_by("reference", "id"))
    every_task = list(Task.objects.filter(environment=environment).order_by("reference", "id"))
    newest = TaskExecution.objects.filter(environment=environment).order_by("-created_at", "id")
    executions = list(newest[: EXECUTIONS + 1])
    change_token = _change_token(services, every_task, executions)
    if is_unchanged(request, environment, change_token):
        return HttpResponse(status=204)
    tasks, runs = [task for task in every_task if task.gone_at is None], _runs(environment)
    names = {row.pk: row for row in (*services, *every_task)}
    reader = Reader(environment, request.user, secret_names([*services, *tasks]), names)
    context = {
        "automations_file": sections.automations_file(Document(environment)),
        "services": [reader.service(service) for service in services],
        "tasks": [reader.task(task, runs.get(task.pk, [])) for task in tasks],
        "graph": dependency_graph(tasks, services),
        "executions": [reader.execution(execution) for execution in executions[:EXECUTIONS]],
        "has_more": len(executions) > EXECUTIONS,
        "limit": EXECUTIONS,
        "create_service": reader.create("service", CREATE_SERVICE),
        "create_task": reader.create("task", CREATE_TASK),
    }
    return render_tab(
        request, environment, "automations", "automations/environment_tab/_of_environment.html", context, change_token
    )


def _runs(environment: Environment) -> dict[UUID, list[TaskExecution]]:
    """The newest runs of each task, newest first."""
    place = Window(RowNumber(), partition_by="task_id", order_by=[F("created_at").desc(), F("id").asc()])
    newest = TaskExecution.objects.filter(environment=environment).annotate(place=place).filter(place__lte=RUNS)
    found: dict[UUID, list[TaskExecution]] = {}
    for run in newest.only("task_id", "phase", "created_at", "gone_at").order_by("task_id", "place"):
        found.setdefault(run.task_id, []).append(run)
    return found


def _change_token(*rows: Sequence[Service] | Sequence[Task] | Sequence[TaskExecution]) -> str:
    """Changes when a row that the tab shows is written, added or deleted."""
    return f"{crc32(repr([(row.id, row.changed_at, row.gone_at) for some in rows for row in some]).encode()):08x}"
