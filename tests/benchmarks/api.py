"""Reading every environment through the API in pages of 1,000, beside the page's own list and a bare DRF ModelViewSet.

`python -m tests.benchmarks.api walk` reads them page by page, each way after the other, in a process of its own that
tells the seconds of 1,000 rows (medians), the queries of a page, and by how much its memory grew.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SIZE, OF_LIST = 1000, 100
API, LIST = f"/api/v1/environments/?page_size={SIZE}", f"/environments/?size={OF_LIST}"
HTMX = {"HX-Request": "true", "HX-Target": "list"}


def fill(rows: int) -> None:
    """So many environments, and nothing else."""
    from django.db import connection

    from tests.support import factories

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE environments_environment, environments_sighting CASCADE")
    factories.environments(rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE environments_environment")


def _bare() -> Callable[[str | None], Any]:
    """A page of what DRF makes of the same columns of the table by itself, after a cursor; without its middleware."""
    from rest_framework.pagination import CursorPagination
    from rest_framework.permissions import AllowAny
    from rest_framework.renderers import JSONRenderer
    from rest_framework.serializers import ModelSerializer
    from rest_framework.test import APIRequestFactory
    from rest_framework.viewsets import ModelViewSet

    from environments.list.exports import COLUMNS
    from environments.models import Environment

    names = {field.attname for field in Environment._meta.concrete_fields}

    class Rows(ModelSerializer):
        class Meta:
            model = Environment
            fields = [column for column in COLUMNS.values() if column in names]

    class Pages(CursorPagination):
        page_size, ordering = SIZE, "id"

    class View(ModelViewSet):
        queryset, serializer_class, pagination_class = Environment.objects.filter(gone_at=None), Rows, Pages
        renderer_classes, permission_classes = [JSONRenderer], [AllowAny]
        authentication_classes, throttle_classes = (), ()

    view, factory = View.as_view({"get": "list"}), APIRequestFactory()

    def read(cursor: str | None) -> Any:
        return view(factory.get("/", {"cursor": cursor} if cursor else {})).render()

    return read


def _pages(read: Callable[[str | None], Any]) -> Iterator[tuple[float, int]]:
    """The seconds and rows of each page, to the last one."""
    cursor: str | None = None
    while True:
        started = time.perf_counter()
        answer = read(cursor)
        content = answer.content
        seconds = time.perf_counter() - started
        body = json.loads(content)
        yield seconds, len(body["results"])
        if body["next"] is None:
            return
        cursor = parse_qs(urlsplit(body["next"]).query)["cursor"][0]


def walk() -> dict[str, float]:
    """Ours, the bare one and the list in turn, page by page, so that what else the machine does falls on all alike."""
    client = _client()

    def ours(cursor: str | None) -> Any:
        return client.get(API if cursor is None else f"{API}&cursor={cursor}")

    def listed() -> float:
        started = time.perf_counter()
        answer = client.get(LIST, headers=HTMX)
        assert answer.status_code == 200
        return (time.perf_counter() - started) * SIZE / OF_LIST

    ours(None), _bare()(None), listed()  # what is loaded once
    taken: dict[str, list[float]] = {"ours": [], "bare": [], "list": []}
    rows, memory = [0, 0], []
    for (seconds, found), (bare, of_bare) in zip(_pages(ours), _pages(_bare()), strict=True):
        for name, value in (("ours", seconds), ("bare", bare), ("list", listed())):
            taken[name].append(value)
        rows = [rows[0] + found, rows[1] + of_bare]
        memory.append(_resident())
    assert rows[0] == rows[1], rows
    quarter = memory[len(memory) // 4]
    found_queries = set(_queries(ours))
    return {name: statistics.median(times) for name, times in taken.items()} | {
        "rows": rows[0], "megabytes": memory[-1] / 2**20, "grown": (memory[-1] - quarter) / 2**20,
        "queries": max(found_queries), "fewest_queries": min(found_queries),
    }  # fmt: skip


def _queries(read: Callable[[str | None], Any]) -> Iterator[int]:
    """Of each full page."""
    from django.db import connection, reset_queries

    connection.force_debug_cursor = True
    reset_queries()
    for _, rows in _pages(read):
        if rows == SIZE:
            yield len(connection.queries_log)
        reset_queries()


def _client() -> Any:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(SERVER_NAME="localhost")
    user, _ = User.objects.get_or_create(username="bench-api", is_superuser=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    os.environ["PORTAL_LOG_LEVEL"] = "ERROR"
    os.environ["PORTAL_API_ADDRESS_REQUESTS"] = "1000000"
    import django

    django.setup()
    print(json.dumps({"walk": walk}[sys.argv[1]]()))


if __name__ == "__main__":
    main()
