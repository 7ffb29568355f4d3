"""For views that take or show secrets: nothing of their requests is told by an error report, in DEBUG neither."""

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
    """Django's own filter steps aside in DEBUG, and shows the variables of every function that is not marked."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> Any:
        return []


def discreet(view: View[P]) -> View[P]:
    """Keep what is sent to the view out of error pages and reports."""
    marked = sensitive_post_parameters()(view)

    @wraps(view)
    def kept(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request.exception_reporter_filter = TellsNothing()
        return marked(request, *args, **kwargs)

    return kept
