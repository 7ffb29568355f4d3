"""Connections give up on a server that does not answer, and the pool has one as soon as the server is back."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg
import pytest
from psycopg_pool import ConnectionPool, PoolTimeout
from psycopg_pool.base import AttemptWithBackoff

from portal.database import Connection, Overdue, Silent, fill
from portal.local.services import Services


@pytest.fixture(scope="module")
def services() -> Iterator[Services]:
    """A Postgres of its own, to be stopped; outside pytest's folder, which other runs close to Postgres' user."""
    with (
        TemporaryDirectory(prefix="portal-tests-") as folder,
        Services(Path(folder), durable=False, redis_url="redis://none") as started,
    ):
        yield started


@pytest.fixture
def pool(services: Services, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectionPool[Connection]]:
    """As Django makes it from the settings."""
    monkeypatch.setattr(Connection, "failure", "")
    options = settings.DATABASES["default"]["OPTIONS"]["pool"]
    kwargs = {"connect_timeout": 2, "autocommit": True}
    check = ConnectionPool.check_connection
    with ConnectionPool(services.start().database_url, kwargs=kwargs, check=check, open=True, **options) as made:
        with made.connection() as one, made.connection():
            one.execute("SELECT 1")
        yield made


def seconds_of(act: Callable[[], object], *expected: type[Exception]) -> float:
    began = time.monotonic()
    with pytest.raises(expected):
        act()
    return time.monotonic() - began


def answered(pool: ConnectionPool[Connection]) -> bool:
    with pool.connection() as connection:
        return connection.cursor().execute("SELECT 1").fetchone() == (1,)


def test_a_filled_pool_has_all_its_connections_before_any_is_asked_for(pool: ConnectionPool[Connection]) -> None:
    assert pool.get_stats()["pool_size"] < 6
    fill(pool, 6)
    assert pool.get_stats()["pool_size"] >= pool.min_size == 6
    fill(pool, 1000)
    assert pool.min_size == pool.max_size


def test_a_page_of_a_silent_server_ends_and_is_back_with_it(
    services: Services, pool: ConnectionPool[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "patience", 1.0)
    postmaster = psutil.Process(services.children[0].process.pid)
    family = [postmaster, *postmaster.children()]
    under_way = pool.getconn()
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        assert seconds_of(lambda: under_way.cursor().execute("SELECT 1"), Silent) < 4
        pool.putconn(under_way)
        assert seconds_of(lambda: answered(pool), PoolTimeout) < 8
        assert Connection.failure != ""
    finally:
        for process in family:
            process.send_signal(signal.SIGCONT)
    assert answered(pool)


def test_a_page_is_back_at_once_when_the_server_is(
    services: Services, pool: ConnectionPool[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    # as after a minute of outage, when a pool that goes on trying would wait for the next one
    monkeypatch.setattr(AttemptWithBackoff, "INITIAL_DELAY", 60.0)
    postgres = services.children[0]
    postgres.stop()
    assert seconds_of(lambda: answered(pool), PoolTimeout, psycopg.OperationalError) < 8
    postgres.start_again()
    while not accepts_connections(services.start().database_url):
        pass
    assert answered(pool)
    assert Connection.failure == ""


def accepts_connections(address: str) -> bool:
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_statement_that_takes_too_long_is_canceled_at_the_server(
    pool: ConnectionPool[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "patience", 0.2)
    with pool.connection() as connection, pytest.raises(Overdue):
        connection.cursor().execute("SELECT pg_sleep(60)")
    assert connection.closed
    monkeypatch.setattr(Connection, "patience", None)
    asleep = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%%pg_sleep(60)%%' AND state = 'active' AND pid <> %s"
    )
    with pool.connection() as other:
        while other.cursor().execute(asleep, [other.info.backend_pid]).fetchone() != (0,):
            pass
