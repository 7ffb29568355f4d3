"""`make run`: what it decides from the environment, and the whole of it once."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from portal.directory import connection
from portal.local import run as portal
from portal.local.__main__ import trouble_with_ona
from portal.local.services import free_port
from portal.sandbox.world import World

CHECKOUT = Path(__file__).resolve().parents[2]
# Loaded by seven processes on two busy cores, Django takes its time.
PATIENCE = 180.0


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for data and logs that is not the developer's own."""
    monkeypatch.setattr(portal, "DATA", tmp_path)
    monkeypatch.setattr(portal, "ENTRANCE_FILE", tmp_path / "entrance")
    return tmp_path


def environment(**given: str) -> dict[str, str]:
    return portal.portal_environment(given, 8000, "postgresql://db/portal", "redis://queue/0")


@pytest.mark.parametrize("text", ["0", "65536", "http", "-1", "²", "80 80"])
def test_a_port_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(portal.CannotRun, match="PORT must be a number"):
        portal.chosen_port({"PORT": text})


def test_a_port_that_is_taken_is_refused_with_another_suggested() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(portal.CannotRun, match=f"Port {port} cannot be used .* PORT=8001 make run"):
            portal.chosen_port({"PORT": port})


def test_without_a_token_the_portal_talks_to_a_sandbox_on_loopback() -> None:
    env = environment()
    assert env["ONA_BASE_URL"] == f"http://127.0.0.1:{env['PORTAL_SANDBOX_PORT']}/api"


@pytest.mark.parametrize("name", ["ONA_API_KEY", "GITPOD_API_KEY", "PORTAL_ONA_TOKEN_FILE"])
def test_with_a_token_there_is_no_sandbox_and_the_address_is_the_one_given_or_onas_own(name: str) -> None:
    assert "PORTAL_SANDBOX_PORT" not in environment(**{name: "t"})
    assert "ONA_BASE_URL" not in environment(**{name: "t"})
    assert (
        environment(**{name: "t"}, ONA_BASE_URL="https://ona.example/api")["ONA_BASE_URL"] == "https://ona.example/api"
    )


def test_the_secret_key_is_made_once_and_kept_for_its_owner_only(data: Path) -> None:
    assert environment()["PORTAL_SECRET_KEY"] == environment()["PORTAL_SECRET_KEY"]
    assert stat.S_IMODE((data / "secret_key").stat().st_mode) == 0o600
    assert environment(PORTAL_SECRET_KEY="given")["PORTAL_SECRET_KEY"] == "given"


def test_two_portals_on_one_host_keep_their_cookies_apart() -> None:
    suffixes = {portal.portal_environment({}, port, "", "")["PORTAL_COOKIE_SUFFIX"] for port in (8000, 8001)}
    assert len(suffixes) == 2


def test_the_demos_world_is_shaped_by_variables() -> None:
    command = portal.sandbox_command(environment(SANDBOX_ENVIRONMENTS="7", SANDBOX_LATENCY_MS="80", SANDBOX_SEED="3"))
    line = " ".join(command.argv)
    assert "--environments 7" in line
    assert "--latency-ms 80" in line
    assert "--seed 3" in line
    assert "--faults" not in line


def test_every_demo_has_a_database_and_a_world_of_its_own(data: Path) -> None:
    demos = [{}, {"SANDBOX_ENVIRONMENTS": "7"}, {"SANDBOX_SEED": "2"}]
    assert len({portal.demo_name(demo) for demo in demos}) == 3
    assert len({portal.sandbox_command(environment(**demo)).argv[-1] for demo in demos}) == 3


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "1;DROP"])
def test_a_demo_size_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(portal.CannotRun, match="whole numbers"):
        portal.demo_name({"SANDBOX_ENVIRONMENTS": text})


@contextmanager
def running(directory: Path, port: int, **given: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The real thing in a process of its own; its output so far ends with the line that says it is ready."""
    added = {"PORT": str(port), "PORTAL_DATA": str(directory), "SANDBOX_ENVIRONMENTS": "12"} | given
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ONA_", "GITPOD_", "DATABASE_", "REDIS_"))
    }
    argv = [sys.executable, "-m", "portal.local", "run"]
    with subprocess.Popen(argv, env=kept | added, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, [process.stdout.readline()]
        finally:
            process.send_signal(signal.SIGTERM)


def descendants(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [below for child in found for below in descendants(child)]


def lose(pid: int, *names: str) -> None:
    """Kill children by words of their command lines."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if any(name in Path(f"/proc/{child}/cmdline").read_text() for name in names):
            os.kill(int(child), signal.SIGKILL)


def ready(port: int) -> bool:
    return portal.answer_of(port, "/readyz")[0] == 200


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_token_that_ona_refuses_is_told_in_one_line_and_not_called_ready(connect: Callable[..., Any]) -> None:
    with connect(World(0, 1)):
        assert trouble_with_ona() == ""
    with connect(World(0, 1), token="expired"):
        trouble = trouble_with_ona()
    assert trouble == "Ona refuses the token. Set ONA_API_KEY to a valid one and start again."
    assert portal.announcement(8000, trouble) == f"Portal not ready: {trouble} Its pages: http://127.0.0.1:8000/"
    assert portal.announcement(8000, "") == "Portal ready: http://127.0.0.1:8000/"


def test_an_ona_that_does_not_answer_is_told_in_one_line(settings: Any) -> None:
    for address, means in (("http://127.0.0.1:9/api", "Ona did not answer"), ("http://ona.example", "ONA_API_KEY or")):
        settings.ONA_BASE_URL = address
        connection._client.cache_clear()
        assert trouble_with_ona().startswith(means)
        assert "\n" not in trouble_with_ona()
    connection._client.cache_clear()


def test_the_whole_portal_comes_up_again_after_a_loss_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port) as (process, lines):
        assert lines[0].startswith(f"Portal ready: http://127.0.0.1:{port}/"), lines
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=30) as answer:
            assert answer.status == 200
        surroundings = tmp_path / "environment.json"
        assert stat.S_IMODE(surroundings.stat().st_mode) == 0o600
        assert json.loads(surroundings.read_text())["DATABASE_URL"].startswith("postgresql://")
        link = lines[0].partition(": ")[2].strip()
        assert not [log.name for log in (tmp_path / "log").iterdir() if link in log.read_text(errors="replace")]
        eventually(lambda: ready(port))
        lose(process.pid, "redis-server", "beat")
        eventually(lambda: not ready(port))
        eventually(lambda: ready(port))
        family = descendants(process.pid)
        assert len(family) > 10
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
    assert (tmp_path / "demo_12_1.world").exists()
    assert not surroundings.exists()
    assert not (tmp_path / "entrance").exists()


def test_a_part_that_cannot_start_ends_everything_with_its_own_words(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "portal.local", "run"]
    given = {"PORT": str(free_port()), "PORTAL_DATA": str(tmp_path), "DATABASE_URL": "postgresql://127.0.0.1:9/none"}
    ended = subprocess.run(argv, env=os.environ | given, cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert "prepare failed" in ended.stderr
    assert "Portal ready" not in ended.stdout
