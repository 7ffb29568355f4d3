"""The portal on a live server whose static files stay in the browser's cache, as they do in production."""

from __future__ import annotations

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pytest_django.live_server_helper import LiveServer

BLANK = "/static/blank/"  # where a tab waits for the next test


class CachedStaticFiles(StaticFilesHandler):
    """Read once a browser context: half a megabyte of style sheets is parsed once, too."""

    def serve(self, request: HttpRequest) -> HttpResponseBase:
        """The file, fresh for an hour."""
        if request.path == BLANK:
            return HttpResponse('<!doctype html><title>Blank</title><link rel="icon" href="data:,">')
        response = super().serve(request)
        response["Cache-Control"] = "max-age=3600"
        return response


class Server(LiveServer):
    """pytest-django's, with cached static files."""

    def __init__(self, address: str) -> None:
        super().__init__(address, start=False)
        self.thread.static_handler = CachedStaticFiles
        self.start()
