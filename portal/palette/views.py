"""`/find/`: results for the box at the top, and a page of its own where there are no scripts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from portal.palette.sources import find
from portal.web.htmx import render_page
from portal.web.parameters import anything, takes
from portal.web.permissions import permission


@takes(q=anything)
@require_GET
@permission()
def find_anything(request: HttpRequest) -> HttpResponse:
    """What is called as `q` says, by kind; without `q`, the pages."""
    text = request.GET.get("q", "")
    context = {"text": text, "groups": find(text, request.user)}
    return render_page(request, "palette/find.html", "palette/_results.html", context)
