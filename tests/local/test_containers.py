"""What can be checked of the container files without an engine: they name only what is there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

CHECKOUT = Path(__file__).resolve().parents[2]
DOCKERFILE = (CHECKOUT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
OURS = [name for name, service in COMPOSE["services"].items() if "build" in service]


def instructions(keyword: str) -> list[str]:
    return re.findall(rf"^{keyword} (.*)$", DOCKERFILE, re.MULTILINE)


def stages() -> set[str]:
    return {line.split(" AS ")[1] for line in instructions("FROM")}


def test_every_file_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    let_through = {line.removeprefix("!") for line in (CHECKOUT / ".dockerignore").read_text().splitlines()}
    sources = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert sources
    assert [name for name in sources if not (CHECKOUT / name).exists() or name not in let_through] == []


def test_every_stage_that_is_copied_from_exists() -> None:
    assert set(re.findall(r"--from=(\S+)", DOCKERFILE)) <= stages()


def test_images_do_not_run_as_root() -> None:
    for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]:
        if "\nCMD" in stage:
            assert stage.index("\nUSER portal") < stage.index("\nCMD")


@pytest.mark.parametrize("name", OURS)
def test_a_service_builds_a_stage_that_exists(name: str) -> None:
    assert COMPOSE["services"][name]["build"]["target"] in stages()


def commands() -> list[list[str]]:
    found = [json.loads(line) for line in instructions("CMD")]
    return found + [COMPOSE["services"][name]["command"] for name in OURS if "command" in COMPOSE["services"][name]]


@pytest.mark.parametrize("argv", commands(), ids=" ".join)
def test_a_container_runs_programs_that_are_installed(argv: list[str]) -> None:
    lines = argv[2].split("&&") if argv[:2] == ["sh", "-c"] else [shlex.join(argv)]
    for program, *arguments in map(shlex.split, lines):
        if program == "python":
            assert arguments[0] == "manage.py"
            assert arguments[1] in get_commands()
        else:
            assert f"\n{program}==" in (CHECKOUT / "requirements.lock").read_text()


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_a_service_waits_only_for_services_that_exist_and_can_tell_that_they_are_up(name: str) -> None:
    for other, how in COMPOSE["services"][name].get("depends_on", {}).items():
        assert other in COMPOSE["services"]
        if how["condition"] == "service_healthy":
            assert "healthcheck" in COMPOSE["services"][other]


def test_nothing_is_published_beyond_this_machine_and_no_secret_has_a_default() -> None:
    for service in COMPOSE["services"].values():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", []))
    text = (CHECKOUT / "docker-compose.yml").read_text()
    for name in ("POSTGRES_PASSWORD", "PORTAL_SECRET_KEY"):
        assert set(re.findall(rf"\$\{{{name}(..)", text)) == {":?"}


def test_every_setting_passed_to_the_portal_is_one_it_reads() -> None:
    known = (CHECKOUT / "portal" / "settings.py").read_text() + "PORTAL_ADMIN_PASSWORD"
    assert [name for name in COMPOSE["x-portal"]["environment"] if name not in known] == []
