"""Answers that are exports: streamed from one snapshot of the database, a few at a time, each one logged."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any, Self

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.text import slugify

from portal.exports.formats import DOWNLOADS, Export
from portal.exports.snapshot import snapshot

PERMISSION = "environments.export_environment"
BAD_REQUEST, UNAVAILABLE = 400, 503
RETRY_SECONDS = 30
LONGEST_NAME = 80  # characters of a file's name: a list's may be any text of Ona's
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
FULL = (
    "As many exports are being made as the portal has room for. Nothing is wrong with yours: try again in a minute, or "
    "narrow the list down by its filters."
)
NO_FORMAT = (
    "An export needs a format: add format=csv, format=zip or format=json to its address, or use the buttons above the "
    "list."
)
# What rooms above this one know of a moment that every export says at its head; they add themselves when Django starts.
Span = tuple[datetime | None, datetime | None]
HEADS: list[Callable[[datetime, Span], Mapping[str, Any]]] = []
log = structlog.get_logger()


class TooLong(Exception):
    """An export took longer than PORTAL_EXPORT_SECONDS; its file is cut."""


class _Places:
    """Each export occupies a thread of the web server and a connection to the database: most are kept for the pages."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.taken = 0

    def take(self) -> bool:
        """One more; False where there are PORTAL_EXPORTS already."""
        with self._lock:
            is_free = self.taken < settings.EXPORTS
            self.taken += is_free
            return is_free

    def leave(self) -> None:
        with self._lock:
            self.taken -= 1


PLACES = _Places()


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for which list: a user's name, the list's address and the query it was asked for with."""

    actor: str
    address: str
    query: str = ""

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """The query without what only an export takes."""
        data = request.GET.copy()
        data.pop("format", None)
        return cls(request.user.get_username(), request.path.replace("/export/", "/", 1), data.urlencode())


def head(
    asking: Asking,
    *,
    filters: Iterable[object],
    order: object,
    count: int,
    moment: datetime | None = None,
    period: Span = (None, None),
) -> dict[str, Any]:
    """What every export says of itself: who, when, which list by which filters, how many rows; and what the
    rooms of HEADS know of that moment, which is now for None, and of the period that the list is narrowed to."""
    now = timezone.now()
    said: dict[str, Any] = {
        "exported_at": now,
        "exported_by": asking.actor,
        "list": asking.address,
        "query": asking.query,
        "filters": list(map(str, filters)) or ["none"],
        "order": str(order),
        "as_of": moment or now,
        "rows": count,
    }
    for more in HEADS:
        said |= more(moment or now, period)
    return said


def respond(
    request: HttpRequest, name: str, build: Callable[[], Export], problems: Sequence[object] = ()
) -> HttpResponseBase:
    """The export in the format that the address names, as a file whose name begins with `name`.

    `build` is called when the answer is sent, in the snapshot that its rows are read from. What of the query made no
    sense (`problems`), or no format, is 400: a file holds what was asked for. 503 while PORTAL_EXPORTS are made.
    """
    wanted = request.GET.get("format", "")
    if wanted not in DOWNLOADS:
        return _refused(request, NO_FORMAT)
    if problems:
        return _refused(request, " ".join(map(str, problems)))
    if not PLACES.take():
        return _words(FULL)
    body = _Body(build, wanted, name, Asking.of(request))
    response = StreamingHttpResponse(body, content_type=DOWNLOADS[wanted][0], headers=HEADERS)
    response["Content-Disposition"] = f'attachment; filename="{file_name(name, wanted)}"'
    return response


def file_name(name: str, wanted: str) -> str:
    """The name of a file in this format, whose beginning is `name`."""
    return f"{slugify(name)[:LONGEST_NAME]}-{timezone.now():%Y-%m-%dT%H%M%SZ}.{wanted}"


class _Body(Iterator[bytes]):
    """What is sent. `close()` gives the place back and ends the snapshot; Django calls it, however it ends."""

    def __init__(self, build: Callable[[], Export], wanted: str, name: str, asking: Asking) -> None:
        self._build, self._chunks = build, DOWNLOADS[wanted][1]
        self._rows = self._bytes = 0
        self._is_complete = self._is_over = False
        self._began = time.monotonic()
        self._log = log.bind(actor=asking.actor, list=name, query=asking.query, format=wanted)
        self._body = self._told()

    def __next__(self) -> bytes:
        chunk = next(self._body)
        self._bytes += len(chunk)
        return chunk

    def close(self) -> None:
        """Safe to call again, and before anything was read."""
        self._body.close()
        if not self._is_over:
            self._is_over = True
            PLACES.leave()
            seconds = round(time.monotonic() - self._began, 3)
            self._log.info(
                "export_ended", rows=self._rows, bytes=self._bytes, seconds=seconds, complete=self._is_complete
            )

    def _told(self) -> Generator[bytes, None, None]:
        try:
            with snapshot():
                export = self._build()
                yield from self._chunks(replace(export, rows=self._counted(export.rows)))
            self._is_complete = True
        except Exception as error:
            # the server then ends the connection: the file lacks its end, and the browser says so
            self._log.exception("export_broken", rows=self._rows, error=type(error).__name__)
            raise

    def _counted(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """The rows, as long as there is time."""
        for row in rows:
            if time.monotonic() - self._began > settings.EXPORT_SECONDS:
                raise TooLong(f"{settings.EXPORT_SECONDS} s")
            self._rows += 1
            yield row


def _refused(request: HttpRequest, means: str) -> HttpResponse:
    return render(request, "400.html", {"means": means}, status=BAD_REQUEST)


def _words(text: str) -> HttpResponse:
    """Without a page around it, which would ask the database for more."""
    response = HttpResponse(f"{text}\n", content_type="text/plain; charset=utf-8", status=UNAVAILABLE, headers=HEADERS)
    response["Retry-After"] = str(RETRY_SECONDS)
    return response
