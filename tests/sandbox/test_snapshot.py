"""A world goes on where it stopped, and the command serves one."""

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from portal.sandbox.server import TOKEN
from portal.sandbox.snapshot import continued, restore, save
from portal.sandbox.world import World

ROOT = Path(__file__).parents[2]
LIST = "gitpod.v1.EnvironmentService/ListEnvironments"


def state(world):
    tables = (world.environments, world.services, world.tasks, world.executions)
    return [[(entry.key, entry.body, entry.facts) for entry in table.walk({})] for table in tables]


def test_a_restored_world_is_the_same_and_lives_on_the_same_way(tmp_path):
    world = World(environments=60, seed=4)
    world.advance(timedelta(hours=1))
    save(world, tmp_path / "world")
    restored = restore(tmp_path / "world")
    assert state(restored) == state(world)
    for each in (world, restored):
        each.advance(timedelta(hours=3))
    assert state(restored) == state(world)
    assert restored.organization == world.organization


def test_a_continued_world_has_caught_up_with_the_clock(tmp_path):
    world = World(environments=30, seed=4, now=datetime.now(UTC) - timedelta(days=2))
    save(world, tmp_path / "world")
    assert abs(continued(tmp_path / "world", speed=1).now - datetime.now(UTC)) < timedelta(minutes=2)


def served(tmp_path, *arguments):
    """The command in a process of its own, and the address it prints."""
    command = [sys.executable, "-m", "portal.sandbox", "--port", "0", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=os.environ)
    for line in process.stdout:
        if found := re.match(r"Sandbox ready: (http://127\.0\.0\.1:\d+)", line):
            return process, found[1]
    raise AssertionError("the sandbox did not start")


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    process.communicate(timeout=15)
    return process.returncode


def names(url):
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{url}/{LIST}", json={"pagination": {"pageSize": 100}}, headers=headers).json()
    return {each["id"]: each["metadata"]["name"] for each in answer["environments"]}


def test_the_command_serves_stops_at_once_and_goes_on_the_next_time(tmp_path):
    arguments = ["--environments", "40", "--seed", "9", "--state", str(tmp_path / "deep" / "world")]
    process, url = served(tmp_path, *arguments)
    try:
        before = names(url)
        target = next(iter(before))
        headers = {"authorization": f"Bearer {TOKEN}"}
        body = {"environmentId": target, "metadata": {"name": "kept"}}
        httpx.post(
            f"{url}/gitpod.v1.EnvironmentService/UpdateEnvironment", json=body, headers=headers
        ).raise_for_status()
    finally:
        assert stop(process) == 0
    process, url = served(tmp_path, *arguments)
    try:
        assert names(url)[target] == "kept"
    finally:
        assert stop(process, signal.SIGINT) == 0
