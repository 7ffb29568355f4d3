"""`/environments/<id>/automations/file/`: check, preview and apply an automations file; download the present one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.utils.text import slugify
from django_htmx.http import trigger_client_event

from automations.actions.file import APPLY_FILE, FILE_PERMISSIONS, apply_automations_file
from automations.file.forms import FileForm
from automations.file.preview import Preview, build_preview
from automations.file_format.describe import Described, describe
from automations.file_format.write import write
from automations.models import Service, Task
from automations.sync import observe
from environments.actions.registry import NOT_ALLOWED
from environments.actions.views.action import submit
from environments.actions.views.panel import NOT_ACCEPTED, close_panel, find_environment, show_panel
from environments.models import Environment
from portal.accounts.kept_forms import keeps_form, sent
from portal.directory.connection import ona_now
from portal.ledger.models import Operation, Outcome
from portal.ona import OnaError
from portal.web.htmx import is_fragment
from portal.web.parameters import anything, takes
from portal.web.permissions import permission

SEE = ("environments.view_environment", "automations.view_service", "automations.view_task")
PANEL = "automations/file/file.html"
OTHER_THAN_SHOWN = (
    "Nothing was applied: the file, or what the environment has, is not what the preview showed. This is how it is now."
)


@takes(applied=anything, present=anything)
@keeps_form
@permission(*SEE)
def automations_file(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    environment = find_environment(environment_id)
    if request.method == "POST":
        return _handle_post(request, environment)
    if applied := request.GET.get("applied"):
        return _show_result(request, environment, _applied(environment, applied))
    if kept := sent(request):
        return _show(request, environment, FileForm(kept))
    described = _describe(environment)
    text = write(described.message) if "present" in request.GET else ""
    return _show(request, environment, FileForm(initial={"text": text}), described=described)


@permission(*SEE)
def download(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    """Download the present services and tasks as a file; comments at its top list what it cannot hold."""
    environment = find_environment(environment_id)
    described = _describe(environment)
    notes = [f"The services and tasks of {environment} ({environment.pk}).", *described.left_out]
    answer = HttpResponse(write(described.message, notes), content_type="application/yaml; charset=utf-8")
    name = f"{slugify(str(environment)) or environment.pk}-automations.yaml"
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return answer


def _handle_post(request: HttpRequest, environment: Environment) -> HttpResponse:
    is_final = "apply" in request.POST
    if is_final and not request.user.has_perms(FILE_PERMISSIONS):
        raise PermissionDenied("Your roles do not let you create and change services and tasks.")
    form = FileForm(request.POST, files=request.FILES, needs_reason=is_final)
    is_good = form.is_valid()
    if "text" in form.errors or "upload" in form.errors or form.reading.problems:
        return _show(request, environment, form, NOT_ACCEPTED)
    if is_final and is_good and _was_sent(form):
        return _apply(request, environment, form, None)
    if is_final:
        _refresh(environment)
    found = build_preview(form.reading.message, *present(environment))
    is_other = is_final and form.cleaned_data.get("shown") != found.digest
    form.replace(shown=found.digest)
    if not is_final or not is_good or is_other:
        note = OTHER_THAN_SHOWN if is_other else ""
        return _show(request, environment, form, NOT_ACCEPTED if is_final else 200, found, note=note)
    return _apply(request, environment, form, found)


def _was_sent(form: FileForm) -> bool:
    """Whether the form is sent once more: then the answer is that of the first time, or that its content is another."""
    return Operation.objects.filter(pk=form.cleaned_data["operation_id"], action=APPLY_FILE.name).exists()


def _apply(request: HttpRequest, environment: Environment, form: FileForm, found: Preview | None) -> HttpResponse:
    """Apply the file; if that fails, show the form again with everything typed."""
    message, context = form.reading.message, form.request_context(request.user)
    operation = submit(request, form, lambda: apply_automations_file(environment=environment, file=message, **context))
    if operation is None or operation.outcome == Outcome.FAILED:
        found = found or build_preview(message, *present(environment))
        form.replace(shown=found.digest)
        return _show(request, environment, form, form.refusal, found, operation=operation)
    if operation.outcome != Outcome.SUCCEEDED:
        return close_panel(request, environment, operation, "automations")
    if is_fragment(request):
        return trigger_client_event(_show_result(request, environment, operation), "environment-changed", after="swap")
    here = reverse("automations:file", args=[environment.pk])
    return redirect(f"{here}?{urlencode({'applied': str(operation.pk)})}")


def _show(
    request: HttpRequest,
    environment: Environment,
    form: FileForm,
    status: int = 200,
    found: Preview | None = None,
    *,
    described: Described | None = None,
    operation: Operation | None = None,
    note: str = "",
) -> HttpResponse:
    is_readable = form.is_bound and not ({"text", "upload"} & form.errors.keys())
    context = {
        "form": form,
        "reading": form.reading if is_readable else None,
        "preview": found,
        "left_out": (described or _describe(environment)).left_out,
        "operation": operation,
        "note": note,
        "why_not": _why_not(request, environment),
    }
    return show_panel(request, environment, PANEL, context, status=status)


def _why_not(request: HttpRequest, environment: Environment) -> str:
    """Why this person cannot apply a file now; empty if they can."""
    if not request.user.has_perms(FILE_PERMISSIONS):
        return NOT_ALLOWED
    return APPLY_FILE.why_not(request.user, environment)


def _applied(environment: Environment, identifier: str) -> Operation:
    try:
        asked_for = UUID(identifier)
    except ValueError:
        raise Http404("There is no such operation.") from None
    found = Operation.objects.filter(pk=asked_for, action=APPLY_FILE.name, environment_id=environment.pk)
    if (operation := found.first()) is None:
        raise Http404("This environment has no such operation.")
    return operation


def _show_result(request: HttpRequest, environment: Environment, operation: Operation) -> HttpResponse:
    """Show which services and tasks changed, by name."""
    changed = [
        *_named(Service, operation.after.get("updatedServiceIds", [])),
        *_named(Task, operation.after.get("updatedTaskIds", [])),
    ]
    context: dict[str, Any] = {"operation": operation, "changed": changed}
    return show_panel(request, environment, "automations/file/file_applied.html", context)


def _named(model: type[Service] | type[Task], ids: list[str]) -> list[dict[str, str]]:
    """Ids with kind and name; the name is empty if it is not cached yet."""
    names = {str(row.pk): str(row) for row in model._default_manager.filter(pk__in=ids)}
    return [{"id": id_, "kind": model.__name__, "name": names.get(id_, "")} for id_ in ids]


def present(environment: Environment) -> tuple[list[Service], list[Task]]:
    """The services and tasks of an environment."""
    return (
        list(Service.objects.of(environment).order_by("reference", "id")),
        list(Task.objects.of(environment).order_by("reference", "id")),
    )


def _describe(environment: Environment) -> Described:
    return describe(*present(environment))


def _refresh(environment: Environment) -> None:
    """Read the environment's services and tasks from Ona; if that fails, applying fails too and says why."""
    try:
        client = ona_now()
        for kind in (observe.SERVICE_KIND, observe.TASK_KIND):
            for page in kind.pages(client)([environment.pk]):
                observe.observe_page(kind, page)
    except (OnaError, ValueError):
        return
