"""For every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import TransactionTestCase

from portal import celery as celery  # as in portal.wsgi: pages call workers through it
from portal.directory import connection
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.support.emptying import empty_filled_tables, let_the_ledger_be_emptied


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Hashing a password well takes most of a second, and hundreds of tests make a user."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _nothing_rendered_before():
    """What the overview keeps as it was rendered goes by moments, which tests may share."""
    from environments.overview.views import look_back

    look_back.cache_clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests of real transactions end by emptying every table they filled."""
    with django_db_blocker.unblock():
        let_the_ledger_be_emptied()
    TransactionTestCase._fixture_teardown = empty_filled_tables


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
