"""Error responses: a page for people, one sentence for htmx (static/js/portal.js shows it), a problem document for the
REST API."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from portal.web.htmx import htmx_of
from portal.web.problems import is_api, problem_of_status


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, without quoting the request."""
    return _answer(request, 400, "The portal did not understand this request. Go back, reload the page and try again.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, with the message of the PermissionDenied."""
    said = str(exception) if isinstance(exception, PermissionDenied) else ""
    return _answer(request, 403, said or "Your roles do not let you do this.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form's token does not match the cookie."""
    return _answer(
        request,
        403,
        "This form was not sent from a page of this portal, or the page was open while you signed in again. "
        "Nothing was changed. Go back, reload the page and send it again; cookies have to be allowed.",
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, with the message of a view's Http404."""
    said = exception.args[0] if isinstance(exception, Http404) and exception.args else ""
    means = said if isinstance(said, str) and said else "There is nothing at this address, or you may not see it."
    return _answer(request, 404, means)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, without database and session, which may be the cause."""
    means = "Something went wrong in the portal. It was logged; try again, or tell whoever runs the portal."
    if is_api(request):
        return problem_of_status(500, means)
    if htmx_of(request) is not None:
        return HttpResponse(means, content_type="text/plain; charset=utf-8", status=500)
    return HttpResponse(render_to_string("500.html"), status=500)


def _answer(request: HttpRequest, status: int, means: str) -> HttpResponse:
    if is_api(request):
        return problem_of_status(status, means)
    if htmx_of(request) is not None:
        return HttpResponse(means, content_type="text/plain; charset=utf-8", status=status)
    return render(request, f"{status}.html", {"means": means}, status=status)
