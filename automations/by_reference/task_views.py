"""`/automations/tasks/`: tasks by reference over all environments; and the environments that have one of them."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from automations.by_reference import list as by_reference_list
from automations.by_reference import occurrences
from automations.models import Task, TaskSummary
from portal.lists.change_token import changed_rows
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission

TO_SEE = ("automations.view_task", "automations.view_taskexecution", "environments.view_environment")


@permission(*TO_SEE)
def task_list(request: HttpRequest) -> HttpResponse:
    """The list; what an open page asks for again is 204 until the tasks are counted anew."""
    if is_fragment(request) and "seen" in request.GET:
        newest = by_reference_list.newest(TaskSummary)
        if request.GET["seen"] == (newest.isoformat() if newest else ""):
            return HttpResponse(status=204)
    context = by_reference_list.context(by_reference_list.TASKS, request.GET)
    return render_page(request, "automations/by_reference/tasks.html", "automations/by_reference/_tasks.html", context)


@permission(*TO_SEE)
def task_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """The environments that have a task of this reference; 204 as above while no task changed."""
    if is_fragment(request) and "seen" in request.GET and request.GET["seen"] == changed_rows(Task)():
        return HttpResponse(status=204)
    context = occurrences.context(occurrences.TASKS, reference, request.GET)
    if context is None:
        raise Http404(f"No environment has a task called {reference}. It may have been renamed or deleted.")
    return render_page(request, "automations/by_reference/task.html", "automations/by_reference/_task.html", context)
