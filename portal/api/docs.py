"""`/api/docs/` and the OpenAPI document behind it. The document is committed: a test holds it against the code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from rest_framework.request import Request

from portal.api.endpoint import endpoint
from portal.web.permissions import permission

COMMITTED = Path(settings.BASE_DIR, "openapi.yaml")


def generate() -> bytes:
    """The document as the code has it."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    written: bytes = OpenApiYamlRenderer().render(schema, renderer_context={})
    return written


@endpoint("GET", exclude=True)
def openapi(request: Request) -> HttpResponse:
    """The document, for everybody who is signed in."""
    return HttpResponse(_committed(), content_type="application/yaml")


@require_GET
@permission()
def api_docs(request: HttpRequest) -> HttpResponse:
    """The document to read and to try, by Swagger UI, whose files are the portal's own."""
    return render(request, "api/docs.html")


@cache
def _committed() -> bytes:
    return COMMITTED.read_bytes()
