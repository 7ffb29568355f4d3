"""503 says what is so: the database is away, the portal is busy, or the disk is full; anything else is an error."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.test import Client, RequestFactory
from psycopg_pool import PoolTimeout

from portal import health
from portal.database import Connection, Overdue, Silent
from portal.web.network import WAITED_SECONDS
from portal.web.outages import AWAY, BUSY, FULL, WRITE_SOMETHING, Outage, has_space, outage_of
from tests.support import factories
from tests.support.databases import full_disk


def raised(state: str) -> Error:
    """The error that Django makes of one of Postgres with this SQLSTATE."""
    with pytest.raises(Error) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION 'said by Postgres' USING ERRCODE = '{state}'; END $$")
    return caught.value


def test_each_class_of_errors_is_called_what_it_is(db: None) -> None:
    states = {
        "53100": FULL, "53000": BUSY, "53200": BUSY, "53300": BUSY, "53400": BUSY,
        "08006": AWAY, "57P01": AWAY, "57P03": AWAY,
        "40P01": None, "57014": None, "22003": None, "23505": None,
    }  # fmt: skip
    assert {state: outage_of(raised(state)) for state in states} == states
    assert outage_of(IntegrityError()) is None
    assert outage_of(None) is None


@pytest.mark.parametrize(
    ("cause", "failure", "outage"),
    [
        (PoolTimeout(), "", BUSY),
        (PoolTimeout(), "connection failed: FATAL:  sorry, too many clients already", BUSY),
        (PoolTimeout(), 'FATAL:  too many connections for role "portal"', BUSY),
        (PoolTimeout(), "FATAL:  remaining connection slots are reserved for roles with …", BUSY),
        (PoolTimeout(), "connection failed: Connection refused", AWAY),
        (PoolTimeout(), "no answer yet", AWAY),
        (psycopg.OperationalError("server closed the connection unexpectedly"), "", AWAY),
        (Overdue(), "", BUSY),
        (Silent(), "", AWAY),
    ],
)
def test_a_lack_of_connections_is_told_from_a_lack_of_a_database(
    cause: Exception, failure: str, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "failure", failure)
    error = OperationalError()
    error.__cause__ = cause
    assert outage_of(error) is outage


def test_space_is_looked_for_by_writing(db: None) -> None:
    assert has_space()
    with full_disk():
        assert not has_space()
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL work_mem = '64kB'; EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {WRITE_SOMETHING}")
        assert cursor.nextset()
        ((plan,),) = cursor.fetchall()
    assert plan[0]["Plan"]["Temp Written Blocks"] > 100  # of 8 kB


def test_a_page_of_a_full_disk_says_so(db: None, rf: RequestFactory) -> None:
    try:
        raise raised("53100")
    except OperationalError:
        answer = health.server_error(rf.post("/"))
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert "database has no space left" in answer.content.decode()


def test_who_waited_too_long_is_told_that_the_portal_is_busy(db: None) -> None:
    client = Client()
    client.force_login(factories.user("Viewer"), backend="django.contrib.auth.backends.ModelBackend")
    waited: dict[str, Any] = {WAITED_SECONDS: 11.0}
    page, part = (client.get("/sync/", headers=headers, **waited) for headers in ({}, {"HX-Request": "true"}))
    for answer in (page, part):
        assert (answer.status_code, answer["Retry-After"]) == (503, "5")
        assert "The portal is busy" in answer.content.decode()
    assert client.get("/healthz", **waited).status_code == 200
    assert client.get("/sync/", **{WAITED_SECONDS: 1.0}).status_code == 200
