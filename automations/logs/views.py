"""Logs of environments, services and executions: a page with a viewer, and the growing text."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import path
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from automations.logs.access import KINDS, PERMISSION, Logged, NoFreeSlot, start_reading, viewer_of
from automations.logs.body import LogBody, RawBody
from automations.models import Service, Task, TaskExecution
from environments.actions.views.panel import find_environment
from environments.models import Environment
from portal.ona import OnaError
from portal.ona.log_errors import LogError, LogGone, LogNotReady
from portal.ona.logs import LogStream
from portal.web.permissions import permission

NOT_FOUND, BAD_GATEWAY, UNAVAILABLE = 404, 502, 503
RETRY_SECONDS = 3
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
}
FULL = "Too many logs are open at once. Close one that you do not need, or try again in a minute."


@require_GET
@permission("environments.view_environment", PERMISSION)
def execution_log(request: HttpRequest, execution_id: UUID) -> HttpResponse:
    return _page(request, _execution(execution_id))


@require_GET
@permission("environments.view_environment", PERMISSION)
def service_log(request: HttpRequest, service_id: UUID) -> HttpResponse:
    return _page(request, _service(service_id))


@require_GET
@permission("environments.view_environment", PERMISSION)
def execution_stream(request: HttpRequest, execution_id: UUID) -> HttpResponseBase:
    return _stream(request, _execution(execution_id))


@require_GET
@permission("environments.view_environment", PERMISSION)
def service_stream(request: HttpRequest, service_id: UUID) -> HttpResponseBase:
    return _stream(request, _service(service_id))


@require_GET
@permission("environments.view_environment", PERMISSION)
def environment_log(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    return _page(request, find_environment(environment_id))


@require_GET
@permission("environments.view_environment", PERMISSION)
def environment_stream(request: HttpRequest, environment_id: UUID) -> HttpResponseBase:
    return _stream(request, find_environment(environment_id))


@require_GET
@permission("environments.view_environment", PERMISSION)
def environment_bundle(request: HttpRequest, environment_id: UUID) -> HttpResponseBase:
    """The support bundle as its machine makes it: a file, whatever its type."""
    environment = find_environment(environment_id)
    source = _opened(environment, request.user, "supportBundle")
    if isinstance(source, HttpResponse):
        return source
    name = f"{slugify(str(environment))[:60] or 'environment'}-{str(environment.pk)[:8]}-support-bundle"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(
        RawBody(source), content_type="application/octet-stream", headers=HEADERS | disposition
    )


def _execution(execution_id: UUID) -> TaskExecution:
    execution: TaskExecution | None = TaskExecution.objects.filter(pk=execution_id).first()
    if execution is None:
        raise Http404(
            f"The portal has no record of an execution {execution_id}. A new one appears after the next sync."
        )
    return execution


def _service(service_id: UUID) -> Service:
    service: Service | None = Service.objects.filter(pk=service_id).first()
    if service is None:
        raise Http404(f"The portal has no record of a service {service_id}. A new one appears after the next sync.")
    return service


def _page(request: HttpRequest, row: Logged) -> HttpResponse:
    context = {
        "row": row,
        "name": _name(row),
        "kind": KINDS[type(row)],
        "environment": row if isinstance(row, Environment) else _environment(row),
        "log": viewer_of(row, request.user),
    }
    return render(request, "automations/logs/log.html", context)


def _environment(row: Service | TaskExecution) -> Environment | None:
    found: Environment | None = Environment.objects.filter(pk=row.environment_id).first()
    return found


def _name(row: Logged) -> str:
    if not isinstance(row, TaskExecution):
        return str(row)
    task = Task.objects.filter(pk=row.task_id).first()
    return str(task or row.task_id)


def _stream(request: HttpRequest, row: Logged) -> HttpResponseBase:
    """The text: for the viewer with ?viewer=1 (colours, frames), for programs with ?framed=, as a download with
    ?download=1, else as plain text."""
    is_viewer, is_file = "viewer" in request.GET, "download" in request.GET
    source = _opened(row, request.user)
    if isinstance(source, HttpResponse):
        return source
    body = LogBody(source, framed=is_viewer or "framed" in request.GET, colours=is_viewer, skip=_skip(request))
    response = StreamingHttpResponse(body, content_type="text/plain; charset=utf-8", headers=HEADERS)
    if is_file:
        response["Content-Disposition"] = f'attachment; filename="{_file_name(row)}"'
    return response


def _opened(row: Logged, user: Any, name: str = "logs") -> LogStream | HttpResponse:
    """The source, or the answer that says why there is none."""
    try:
        return start_reading(row, user, name)
    except NoFreeSlot:
        return _words(FULL, UNAVAILABLE)
    except (LogError, OnaError) as error:
        return _words(error.for_people(), _status(error))


def _status(error: LogError | OnaError) -> int:
    if isinstance(error, LogGone):
        return NOT_FOUND
    return UNAVAILABLE if isinstance(error, LogNotReady) else BAD_GATEWAY


def _words(text: str, status: int) -> HttpResponse:
    response = HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=status, headers=HEADERS)
    if status == UNAVAILABLE:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def _skip(request: HttpRequest) -> int:
    text = request.GET.get("skip", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _file_name(row: Logged) -> str:
    return f"{slugify(_name(row))[:60] or 'log'}-{str(row.pk)[:8]}.log"


urlpatterns = [
    path("environments/<uuid:environment_id>/log/", environment_log, name="environment-log"),
    path("environments/<uuid:environment_id>/log/stream", environment_stream, name="environment-log-stream"),
    path("environments/<uuid:environment_id>/support-bundle", environment_bundle, name="environment-bundle"),
    path("automations/executions/<uuid:execution_id>/log/", execution_log, name="execution-log"),
    path("automations/executions/<uuid:execution_id>/log/stream", execution_stream, name="execution-log-stream"),
    path("automations/services/<uuid:service_id>/log/", service_log, name="service-log"),
    path("automations/services/<uuid:service_id>/log/stream", service_stream, name="service-log-stream"),
]
