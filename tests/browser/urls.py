"""The portal's addresses and three that fail: the pages for errors that no other address causes on purpose."""

from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path

from portal import urls
from portal.urls import handler400, handler403, handler404, handler500

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def _refuses(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation("made up")


def _breaks(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError("made up")


def _loses_the_database(request: HttpRequest) -> HttpResponse:
    raise OperationalError("made up")


urlpatterns = [
    *urls.urlpatterns,
    path("fails/400/", _refuses),
    path("fails/500/", _breaks),
    path("fails/503/", _loses_the_database),
]
