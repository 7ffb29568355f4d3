"""Print the test files of what changed against main: `python -m tests.changed`, for `make check`.

A changed test file is its own. A changed support file or module has the tests that import it, and those of its room:
the folder below tests/ that mirrors its own, or there the files that carry its room's or its own name.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
FEW = 12  # what more test files than that import is left to `make test`


def git(*words: str) -> list[str]:
    """The lines that git answers."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()


def changed() -> set[Path]:
    """Files that differ from where this branch left main, committed or not; deleted ones too."""
    (base,) = git("merge-base", "main", "HEAD")
    return {Path(name) for name in (*git("diff", "--name-only", base), *git("ls-files", "-o", "--exclude-standard"))}


def tests_of(path: Path) -> Iterator[Path]:
    """The test files that tell whether a change to this file, given from the root, broke anything."""
    if path.name.startswith("test_"):
        yield ROOT / path
        return
    if path.suffix == ".py":
        importers = list(importing(".".join(path.with_suffix("").parts).removesuffix(".__init__")))
        yield from importers if len(importers) <= FEW else ()
    rooms = [part for part in path.parent.parts if part not in ("portal", "templates", "static", "tests")]
    for depth in range(len(rooms), 0, -1):
        if (folder := TESTS.joinpath(*rooms[:depth])).is_dir():
            words = [*rooms[depth:], path.stem.strip("_")]
            yield from folder.glob("test_*.py") if depth == len(rooms) > 1 else named(folder, words)
            return


def importing(module: str) -> Iterator[Path]:
    """Test files that import a module by its dotted name."""
    package, _, name = module.rpartition(".")
    wanted = re.compile(rf"^(from {module} |import {module}\b|from {package} import .*\b{name}\b)", re.MULTILINE)
    return (test for test in TESTS.rglob("test_*.py") if wanted.search(test.read_text()))


def named(folder: Path, words: list[str]) -> Iterator[Path]:
    """Test files below a folder with one of the words in their name."""
    return (test for test in folder.rglob("test_*.py") if set(test.stem.split("_")) & set(words))


def main() -> None:
    """Browser tests take minutes: only those that were changed themselves."""
    paths = changed()
    found = {test for path in paths for test in tests_of(path) if test.exists()}
    chosen = {test.relative_to(ROOT) for test in found}
    print(*sorted(str(test) for test in chosen if "browser" not in test.parts or test in paths))  # noqa: T201


if __name__ == "__main__":
    main()
