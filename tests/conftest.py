"""For every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database

from portal import celery as celery  # as in portal.wsgi: pages call workers through it
from portal.directory import connection
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World

# The triggers that refuse to empty the ledger.
EMPTYING = {
    "ledger_operation": "ledger_truncate",
    "ledger_entry": "ledger_entry_truncate",
    "ledger_verification": "ledger_verification_truncate",
    "ledger_auditlog": "ledger_auditlog_truncate",
}


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Hashing a password well takes most of a second, and hundreds of tests make a user."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests of real transactions end by emptying every table, which the ledger would refuse."""
    with django_db_blocker.unblock(), database.cursor() as cursor:
        for table, trigger in EMPTYING.items():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


@pytest.fixture
def connect(settings: Any) -> Iterator[Callable[..., Any]]:
    """`with connect(world) as sandbox`: the portal's clients reach this sandbox for as long."""

    @contextmanager
    def connected(world: World, token: str = "", **options: Any) -> Iterator[Sandbox]:
        with running(world, **options) as sandbox:
            settings.ONA_BASE_URL, settings.ONA_API_KEY = sandbox.base_url, token or sandbox.token
            connection._client.cache_clear()
            yield sandbox

    yield connected
    connection._client.cache_clear()
