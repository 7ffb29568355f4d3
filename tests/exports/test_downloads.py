"""Exports as answers: from one snapshot, few at a time, in little memory, logged, and plainly cut if need be."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import structlog
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from environments.as_of.clock import written
from environments.models import Environment, Field, Phase
from portal.exports.download import PLACES
from portal.exports.snapshot import AT_ONCE
from tests.support import audits, factories
from tests.support.exports import left, read, read_csv, read_json
from tests.support.profiles import THOROUGH

URL = "/environments/export/"
MANY = 20_000 if THOROUGH else 8_000


@pytest.fixture
def auditor(db: None) -> Client:
    return factories.client("Auditor")


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as events:
        yield events


def superuser() -> Client:
    """Tests of real transactions have no roles: the tables were emptied before them."""
    client = Client()
    user = User.objects.create_superuser("root")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def elsewhere(sql: str, *values: Any) -> None:
    """Run a statement on a connection of its own and commit it."""

    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def test_a_file_has_a_name_with_its_moment_and_is_kept_by_no_cache(auditor: Client) -> None:
    for wanted, kind in (("csv", "text/csv; charset=utf-8"), ("json", "application/json")):
        answer = auditor.get(f"{URL}?format={wanted}")
        name = answer["Content-Disposition"].removeprefix('attachment; filename="environments-').removesuffix('"')
        assert len(name) == len(f"2026-10-31T235900Z.{wanted}")
        assert (answer["Content-Type"], answer["Cache-Control"]) == (kind, "no-store")
        assert answer["X-Content-Type-Options"] == "nosniff"
        left(answer)


def test_only_get_makes_an_export(auditor: Client) -> None:
    assert auditor.head(f"{URL}?format=csv").status_code == 405
    assert auditor.post(f"{URL}?format=csv").status_code == 405
    assert PLACES.taken == 0


def test_one_export_too_many_is_answered_in_words_and_works_a_little_later(auditor: Client, settings: Any) -> None:
    settings.EXPORTS = 2
    under_way = [auditor.get(f"{URL}?format=csv") for _ in range(2)]
    refused = auditor.get(f"{URL}?format=csv")
    assert (refused.status_code, refused["Retry-After"]) == (503, "30")
    assert "As many exports are being made as the portal has room for." in refused.content.decode()
    left(under_way[0])
    assert b"".join(auditor.get(f"{URL}?format=csv").streaming_content)
    left(under_way[1])
    assert PLACES.taken == 0


def test_an_export_that_nobody_reads_gives_its_place_back(auditor: Client) -> None:
    factories.environments(3 * AT_ONCE)
    answer = auditor.get(f"{URL}?format=json")
    next(iter(answer.streaming_content))
    assert PLACES.taken == 1
    left(answer)
    assert PLACES.taken == 0


def test_each_export_is_logged_with_who_what_and_how_much(auditor: Client, logged: list[dict[str, Any]]) -> None:
    factories.environment()
    raw = b"".join(auditor.get(f"{URL}?q=otter&format=csv").streaming_content)
    (event,) = [event for event in logged if event["event"] == "export_ended"]
    assert event["actor"].startswith("auditor-")
    told = {name: event[name] for name in ("list", "query", "format", "rows", "bytes", "complete")}
    assert told == {
        "list": "environments", "query": "q=otter", "format": "csv", "rows": 1, "bytes": len(raw), "complete": True,
    }  # fmt: skip
    assert event["seconds"] >= 0


def test_an_export_that_takes_too_long_is_cut_and_logged(
    auditor: Client, settings: Any, logged: list[dict[str, Any]]
) -> None:
    factories.environment()
    settings.EXPORT_SECONDS = -1
    answer = auditor.get(f"{URL}?format=json")
    with pytest.raises(Exception, match="-1 s"):
        b"".join(answer.streaming_content)
    left(answer)
    assert [event["error"] for event in logged if event["event"] == "export_broken"] == ["TooLong"]
    assert [event["complete"] for event in logged if event["event"] == "export_ended"] == [False]


def test_more_rows_take_no_more_memory(auditor: Client) -> None:
    factories.environments(MANY)
    few = f"{URL}?phase=stopped"
    stopped = Environment.objects.present().filter(phase=Phase.STOPPED).count()
    assert 2 * AT_ONCE < stopped < 0.7 * MANY  # rows are read while those before them are still there
    peaks = [peak(auditor, url) for url in (few, URL)]
    assert peaks[1] < peaks[0] + 1_000_000, peaks


def peak(client: Client, url: str) -> int:
    """Bytes held at most while an export is read and forgotten."""
    answer = client.get(f"{url}{'&' if '?' in url else '?'}format=json")
    tracemalloc.start()
    try:
        for _ in answer.streaming_content:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.django_db(transaction=True)
def test_what_changes_meanwhile_does_not_reach_the_file() -> None:
    auditor = superuser()
    factories.environments(2 * AT_ONCE)
    names = set(Environment.objects.values_list("name", flat=True))
    answer = auditor.get(f"{URL}?format=json&sort=name&gone=yes")
    body = iter(answer.streaming_content)
    pieces = [next(body)]
    elsewhere("UPDATE environments_environment SET name = 'zzz ' || name, gone_at = now()")
    elsewhere("DELETE FROM environments_sighting")
    file = read_json(b"".join([*pieces, *body]))
    assert set(file.column("name")) == names
    assert file.head["rows"] == len(file.rows) == 2 * AT_ONCE


@pytest.mark.django_db(transaction=True)
def test_nothing_can_be_written_while_an_export_is_made_from_its_transaction() -> None:
    auditor = superuser()
    factories.environments(2 * AT_ONCE)
    answer = auditor.get(f"{URL}?format=csv")
    next(iter(answer.streaming_content))
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('transaction_read_only'), current_setting('transaction_isolation')")
        assert cursor.fetchone() == ("on", "repeatable read")
        cursor.execute("SELECT count(*) FROM pg_cursors")
        assert cursor.fetchone() == (1,)
    left(answer)
    assert not connection.in_atomic_block


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("url", ["/environments/", "/audit/lockdown/", "/audit/archive/"])
def test_a_past_moment_is_read_from_a_transaction_that_cannot_write(url: str) -> None:
    root, now = superuser(), timezone.now()
    rows = factories.environments(30, now=now - timedelta(days=9))
    audits.swept(*(now - timedelta(hours=number) for number in range(24 * 12)))
    audits.moved(rows[0], Field.PHASE, Phase.CREATING, rows[0].phase, by=now - timedelta(days=1))
    then = urlencode({"as_of": written(now - timedelta(days=2))})
    context = root.get(f"{url}?{then}&size=100").context
    listed = context["page"].rows
    file = read(root, f"{url}export/?{then}")
    assert file.column("id") == [str(row.pk) for row in listed]
    assert {row["id"]: row["phase"] for row in file.rows}[str(rows[0].pk)] == "creating"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("wanted", ["csv", "json"])
def test_a_file_that_the_database_broke_off_lacks_its_end(wanted: str, logged: list[dict[str, Any]]) -> None:
    auditor = superuser()
    factories.environments(2 * AT_ONCE)
    answer = auditor.get(f"{URL}?format={wanted}")
    body = iter(answer.streaming_content)
    pieces = [next(body)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    elsewhere("SELECT pg_terminate_backend(%s)", backend)
    with pytest.raises(OperationalError):
        pieces.extend(body)
    left(answer)
    connection.close()
    if wanted == "csv":
        assert not read_csv(b"".join(pieces)).is_whole
    else:
        with pytest.raises(json.JSONDecodeError):
            json.loads(b"".join(pieces))
    assert [event["complete"] for event in logged if event["event"] == "export_ended"] == [False]
