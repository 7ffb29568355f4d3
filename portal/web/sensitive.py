"""For views with secrets: error reports show nothing of their requests, not even with DEBUG."""

from __future__ import annotations

from functools import wraps
from types import FrameType
from typing import Any, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from django.views.debug import SafeExceptionReporterFilter
from django.views.decorators.debug import sensitive_post_parameters

from portal.web.permissions import View

P = ParamSpec("P")


class TellsNothing(SafeExceptionReporterFilter):
    """Redact everything: Django's own filter does nothing with DEBUG, and shows variables of unmarked functions."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> Any:
        return []


def discreet(view: View[P]) -> View[P]:
    """Exclude what is sent to the view from error pages and reports."""
    marked = sensitive_post_parameters()(view)

    @wraps(view)
    def kept(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request.exception_reporter_filter = TellsNothing()
        return marked(request, *args, **kwargs)

    return kept
