"""The embedded Postgres and Redis: they keep data, survive crashes and refuse to share a directory."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from portal.local.services import InUse, Services

HOLDER = """
import sys, time
from pathlib import Path
from portal.local.services import Services
services = Services(Path(sys.argv[1]), durable=False)
services.start()
print(services.children[0].process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    # pytest makes its folders for the owner alone; Postgres runs as another user under root.
    return tmp_path / "data"


@pytest.fixture
def holder(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process running its services in the directory; once they answer it prints its Postgres' pid."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(directory)], stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_both_services_answer_at_the_addresses_returned(directory: Path) -> None:
    services = Services(directory, durable=False)
    with services:
        addresses = services.start()
        with psycopg.connect(addresses.database_url) as connection:
            assert connection.info.server_version >= 180000
        with redis.Redis.from_url(addresses.redis_url) as client:
            assert client.ping()


def test_data_is_kept_from_one_start_to_the_next(directory: Path) -> None:
    services = Services(directory, durable=False)
    with services, psycopg.connect(services.start().database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with services, psycopg.connect(services.start().database_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_neither_service_lets_anybody_in_without_the_password(directory: Path) -> None:
    services = Services(directory, durable=False)
    with services:
        addresses = services.start()
        info = psycopg.conninfo.conninfo_to_dict(addresses.database_url)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=info["host"], port=info["port"], user=info["user"], dbname="portal", password="guess")
        port = int(addresses.redis_url.rpartition(":")[2].partition("/")[0])
        with redis.Redis(port=port) as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_the_password_is_in_no_repr_and_in_a_file_for_its_owner_only(directory: Path) -> None:
    services = Services(directory, durable=False)
    with services:
        file = directory / "services.password"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text() not in repr(services.start()) + repr(services.children)


def test_a_directory_in_use_is_refused_with_the_number_of_the_process_that_has_it(
    directory: Path, holder: subprocess.Popen[str]
) -> None:
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(InUse, match=str(holder.pid)):
        Services(directory).start()


def test_nothing_of_the_services_outlives_a_killed_owner_and_the_data_comes_back(
    directory: Path, holder: subprocess.Popen[str]
) -> None:
    assert holder.stdout is not None
    postgres = int(holder.stdout.readline())
    holder.kill()
    holder.wait()
    services = Services(directory, durable=False)
    with services, psycopg.connect(services.start().database_url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert not is_alive(postgres)


def is_alive(pid: int) -> bool:
    """One that has ended and only waits for init to take note is not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_stale_pid_file_that_names_an_innocent_process_does_no_harm(directory: Path) -> None:
    services = Services(directory, durable=False)
    services.start()
    services.children[0].process.send_signal(signal.SIGKILL)
    services.stop()
    with subprocess.Popen(["sleep", "600"]) as innocent:
        pid_file = directory / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(innocent.pid), *lines[1:]]))
        with services, psycopg.connect(services.start().database_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert innocent.poll() is None
        innocent.kill()


def test_starting_and_stopping_twice_is_the_same_as_once(directory: Path) -> None:
    services = Services(directory, durable=False)
    assert services.start() is services.start()
    services.stop()
    services.stop()
    assert services.children == []
