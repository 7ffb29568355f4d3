"""The package is installed by itself: few dependencies, and nothing of the portal's code."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

from django.conf import settings

CLI = Path(settings.BASE_DIR, "cli")


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=~]", each)[0] for each in requirements}


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, file
            found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {"portalctl"}


def test_it_imports_what_it_declares_and_nothing_of_the_portal() -> None:
    project = tomllib.loads((CLI / "pyproject.toml").read_text())["project"]
    needed, more = names(project["dependencies"]), names(project["optional-dependencies"]["mcp"])
    assert (needed, more) == ({"click", "httpx"}, {"mcp", "pyyaml"})
    server = CLI / "portalctl" / "mcp_server.py"
    files = set((CLI / "portalctl").rglob("*.py")) - {server}
    assert {name for file in files for name in imported(file)} == needed
    assert imported(server) == {"anyio", "httpx", "mcp", "mcp_types", "yaml"}  # anyio and its types come with mcp
