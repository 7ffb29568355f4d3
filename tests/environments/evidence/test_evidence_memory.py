"""Making evidence of many environments, and verifying it, takes no more memory than of few."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from tests.support import audits, factories
from tests.support.profiles import THOROUGH

ROOT = Path(__file__).parents[3]
FEW, MANY, MEGABYTE = 1_000, 20_000 if THOROUGH else 8_000, 1 << 20
# The high-water mark of the process itself: what rusage tells begins with its parent's.
RUN = """
import pathlib, sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
print(pathlib.Path("/proc/self/status").read_text())
"""


def peak(*words: str) -> int:
    """Bytes of memory that a command held at most, in a process of its own on the test's database."""
    address, mark, options = os.environ["DATABASE_URL"].partition("?")
    database = f"{address.rpartition('/')[0]}/{connection.settings_dict['NAME']}{mark}{options}"
    known = os.environ | {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    done = subprocess.run([sys.executable, "-c", RUN, *words], cwd=ROOT, env=known, stdout=subprocess.PIPE, check=True)
    return int(re.findall(rb"VmHWM:\s*(\d+) kB", done.stdout)[0]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.django_db(transaction=True)
def test_memory_stays_flat_from_few_environments_to_many(tmp_path: Path) -> None:
    audits.policies(lifetime=7, archive=3, delete=14)
    audits.swept(timezone.now())
    factories.user("Auditor", username="iris")
    peaks = []
    for count in (FEW, MANY - FEW):
        factories.environments(count, seed=count)
        pack = str(tmp_path / f"{count}.zip")
        making = peak("make_evidence", pack, "--by", "iris", "--reason", "a test", "--part", "environments")
        peaks.append((making, peak("verify_evidence", pack)))
    (making, verifying), (making_many, verifying_many) = peaks
    assert making_many - making < 16 * MEGABYTE
    assert verifying_many - verifying < 8 * MEGABYTE
