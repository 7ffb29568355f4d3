"""`/automations/services/`: services by reference over all environments; and the environments that have one of them."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse

from automations.by_reference import list as by_reference_list
from automations.by_reference import occurrences
from automations.models import Service, ServiceSummary
from portal.lists.change_token import changed_rows
from portal.web.htmx import is_fragment, render_page
from portal.web.permissions import permission

TO_SEE = ("automations.view_service", "environments.view_environment")


@permission(*TO_SEE)
def service_list(request: HttpRequest) -> HttpResponse:
    """The list; what an open page asks for again is 204 until the services are counted anew."""
    if is_fragment(request) and "seen" in request.GET:
        newest = by_reference_list.newest(ServiceSummary)
        if request.GET["seen"] == (newest.isoformat() if newest else ""):
            return HttpResponse(status=204)
    context = by_reference_list.context(by_reference_list.SERVICES, request.GET)
    return render_page(
        request, "automations/by_reference/services.html", "automations/by_reference/_services.html", context
    )


@permission(*TO_SEE)
def service_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """The environments that have a service of this reference; 204 as above while no service changed."""
    if is_fragment(request) and "seen" in request.GET and request.GET["seen"] == changed_rows(Service)():
        return HttpResponse(status=204)
    context = occurrences.context(occurrences.SERVICES, reference, request.GET)
    if context is None:
        raise Http404(f"No environment has a service called {reference}. It may have been renamed or deleted.")
    return render_page(
        request, "automations/by_reference/service.html", "automations/by_reference/_service.html", context
    )
