"""What can be checked of the container files without an engine: they name what is there, and copy what is needed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
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
    assert [name for name in sources if not list(CHECKOUT.glob(name)) or name.split("/")[0] not in let_through] == []


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
            assert arguments[:2] == ["-m", "portal.sandbox"] or arguments[1] in get_commands()
        else:
            assert f"\n{program}==" in (CHECKOUT / "requirements.lock").read_text()


def copied_by(stage: str, target: Path) -> Path:
    """What the COPY lines of a stage, and of those it is built from, bring out of this checkout."""
    parent = next(line for line in instructions("FROM") if line.endswith(f" AS {stage}")).partition(" AS ")[0]
    if parent in stages():
        copied_by(parent, target)
    text = DOCKERFILE.split(f" AS {stage}\n")[1].split("\nFROM ")[0]
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        *sources, destination = line.split()
        for source in [found for pattern in sources for found in CHECKOUT.glob(pattern)]:
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "vendor")
                shutil.copytree(source, target / destination, ignore=ignored, dirs_exist_ok=True)
            else:
                (target / destination).mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target / destination)
    return target


def run_in(tree: Path, code: str) -> str:
    """What a program prints that finds the project's modules in this tree alone; the virtual environment names ours."""
    alone = f"import sys; sys.path[:] = [each for each in sys.path if each != {str(CHECKOUT)!r}]; {code}"
    settings = {"PORTAL_SECRET_KEY": "unused", "DATABASE_URL": "postgresql:///unused"}
    done = subprocess.run(
        [sys.executable, "-c", alone], cwd=tree, env=os.environ | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_portals_image_has_everything_that_the_portal_imports_and_no_sandbox(tmp_path: Path) -> None:
    tree = copied_by("portal", tmp_path)
    said = run_in(
        tree,
        "import portal.wsgi, portal.celery; portal.celery.app.loader.import_default_modules(); "
        "from django.core.management import call_command; call_command('check'); "
        "from importlib.util import find_spec; print([find_spec('portal.sandbox'), find_spec('portal.local')])",
    )
    assert said.splitlines() == ["System check identified no issues (0 silenced).", "[None, None]"]
    rooms, copied = (
        {path.parent.name for path in (root / "portal").glob("*/__init__.py")} for root in (CHECKOUT, tree)
    )
    assert rooms == copied | {"sandbox", "local"}


def test_the_sandboxs_image_has_everything_that_the_sandbox_imports_and_no_portal(tmp_path: Path) -> None:
    tree = copied_by("sandbox", tmp_path)
    assert "--environments" in run_in(
        tree, "import runpy; sys.argv = ['', '--help']; runpy.run_module('portal.sandbox', run_name='__main__')"
    )
    assert not (tree / "manage.py").exists()
    assert [path.parent.name for path in (tree / "portal").glob("*/__init__.py")] == ["sandbox"]


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
    for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "PORTAL_SECRET_KEY"):
        assert set(re.findall(rf"\$\{{{name}(..)", text)) == {":?"}


def test_redis_asks_for_its_password_and_plain_http_has_to_be_chosen() -> None:
    password = "${REDIS_PASSWORD:?Set REDIS_PASSWORD}"
    assert COMPOSE["services"]["redis"]["command"][-2:] == ["--requirepass", password]
    portal = COMPOSE["x-portal"]["environment"]
    assert portal["REDIS_URL"] == f"redis://:{password}@redis:6379/0"
    assert portal["PORTAL_INSECURE_HTTP"] == "${PORTAL_INSECURE_HTTP:-no}"


def test_what_ends_is_started_again_except_what_is_meant_to_end() -> None:
    assert {name for name, each in COMPOSE["services"].items() if each["restart"] != "unless-stopped"} == {"migrate"}


def test_every_setting_passed_to_the_portal_is_one_it_reads() -> None:
    known = (CHECKOUT / "portal" / "settings.py").read_text() + "PORTAL_ADMIN_PASSWORD"
    assert [name for name in COMPOSE["x-portal"]["environment"] if name not in known] == []
