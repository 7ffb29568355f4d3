"""What is wrong when the portal answers 503: the database is away, the portal is busy, or the disk is full."""

from __future__ import annotations

import re
from typing import NamedTuple

from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from psycopg_pool import PoolTimeout

from portal.database import Connection, Overdue
from portal.web.htmx import htmx_of
from portal.web.problems import is_api, problem_of_status

CROWDED = re.compile(r"too many (clients|connections)|connection slots")
# Stores a megabyte in 64 kB of memory, so that Postgres has to write it to its disk.
WRITE_SOMETHING = """
WITH written AS MATERIALIZED (SELECT repeat('x', 1000) AS text FROM generate_series(1, 1000))
SELECT count(text) FROM written
"""


class Outage(NamedTuple):
    """What a page says instead of itself: a heading, two sentences, and when to try again."""

    name: str
    heading: str
    means: str
    retry_seconds: int


AWAY = Outage(
    "Database away",
    "The portal's database cannot be reached",
    "Without it nothing can be shown or done, but nothing is lost: what Ona knows is read again when it is back. "
    "Try again in a minute. If this continues, tell whoever runs the portal.",
    30,
)
BUSY = Outage(
    "Busy",
    "The portal is busy",
    "More pages are requested than it can serve at once. Nothing is lost, and nothing is wrong with your request. "
    "Try again in a few seconds.",
    5,
)
FULL = Outage(
    "Disk full",
    "The portal's database has no space left",
    "Pages can still be read, but nothing can be saved, and no change is sent to Ona. If you had just requested one, "
    "its operation shows whether Ona made it. Tell whoever runs the portal: its disk is full.",
    60,
)
NOT_SENT = (
    "The portal's database has no space left, so this change could not be recorded. It was not sent to Ona; nothing "
    "was changed. Tell whoever runs the portal: its disk is full."
)


def outage_of(error: BaseException | None) -> Outage | None:
    """What Django's `error` means for pages; None if it is no outage but a failure of its own."""
    if not isinstance(error, OperationalError | InterfaceError):
        return None
    cause, state = error.__cause__, getattr(error.__cause__, "sqlstate", None)
    if isinstance(cause, PoolTimeout):
        return AWAY if Connection.failure and not CROWDED.search(Connection.failure) else BUSY
    if isinstance(cause, Overdue):
        return BUSY
    # 53: insufficient resources (53100: the disk); 08: the connection; 57P: the server stops or starts
    match state:
        case None:
            return AWAY
        case "53100":
            return FULL
        case _ if state.startswith("53"):
            return BUSY
        case _ if state.startswith(("08", "57P")):
            return AWAY
    return None


def answer(request: HttpRequest, outage: Outage) -> HttpResponse:
    """503 with the page of an outage, one paragraph for htmx, or a problem document; without database and session."""
    if is_api(request):
        response = problem_of_status(503, f"{outage.heading}. {outage.means}")
    elif htmx_of(request) is not None:
        response = HttpResponse(
            f"{outage.heading}. {outage.means}", content_type="text/plain; charset=utf-8", status=503
        )
    else:
        response = HttpResponse(render_to_string("503.html", {"outage": outage}), status=503)
    response["Retry-After"] = str(outage.retry_seconds)
    return response


def has_space() -> bool:
    """Whether a megabyte can still be written to the database's disk, by writing it to a temporary file there."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64kB'")
            cursor.execute(WRITE_SOMETHING)
    except OperationalError as error:
        if outage_of(error) is FULL:
            return False
        raise
    return True
