"""The package is installed by itself: few dependencies, and nothing of the portal's code."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

from django.conf import settings

CLI = Path(settings.BASE_DIR, "cli")


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
    needed = {re.split(r"[<>=~]", each)[0] for each in project["dependencies"]}
    assert needed == {"click", "httpx"}
    files = set((CLI / "portalctl").rglob("*.py"))
    used = {name for file in files for name in imported(file)}
    assert used == needed
