"""Pytest plugin: real Postgres and Redis for the run, before Django reads its settings.

Loaded by `-p tests.services` (pyproject.toml). Services named by DATABASE_URL and REDIS_URL are used where given; else
throw-away ones are started in a temporary directory. Workers of pytest-xdist inherit the addresses and take a Redis
database each.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

from portal.local.services import Services

# Without compiled files each of the many processes of a run compiles Django and the portal again, 5 s each.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Nothing listens there: a test that forgets to start the sandbox is refused instead of reaching a real organization.
os.environ["ONA_BASE_URL"] = "http://127.0.0.1:9/api"
os.environ["ONA_API_KEY"] = "a-test-token"
os.environ.setdefault("PORTAL_SECRET_KEY", "for-tests-only-and-long-enough-to-please-the-framework-checks")
os.environ.setdefault("PORTAL_ALLOWED_HOSTS", "127.0.0.1,localhost,testserver")
os.environ.setdefault("PORTAL_INSECURE_HTTP", "yes")
os.environ.setdefault("PORTAL_API_ADDRESS_REQUESTS", "1000000")  # all tests come from one address
os.environ.setdefault("PORTAL_SECOND_FACTOR_ROLES", "")  # few tests are about them
os.environ.setdefault("PORTAL_DJANGO_ADMIN", "yes")  # off by default: its pages are tested all the same
# Pages are tested without a collectstatic first.
os.environ.setdefault("PORTAL_PLAIN_STATIC", "yes")


def _start() -> None:
    directory = Path(tempfile.mkdtemp(prefix="portal-tests-"))
    services = Services(directory, durable=False)
    addresses = services.start()
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    atexit.register(services.stop)
    os.environ["DATABASE_URL"] = addresses.database_url
    os.environ["REDIS_URL"] = addresses.redis_url
    os.environ["PORTAL_TEST_TEMPLATE"] = "test_portal_migrated"


def _own_redis_database(worker: str) -> None:
    """Database 0 belongs to a run without workers, N + 1 to worker gwN."""
    base, _, _ = os.environ["REDIS_URL"].rpartition("/")
    os.environ["REDIS_URL"] = f"{base}/{int(worker.removeprefix('gw')) + 1}"


if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    _own_redis_database(worker)
elif "DATABASE_URL" not in os.environ:
    _start()
