"""For every test."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings

from portal import celery as celery  # as in portal.wsgi: pages call workers through it
from portal.directory import connection
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.support.databases import use_template
from tests.support.emptying import empty_filled_tables, let_the_ledger_be_emptied
from tests.support.profiles import examples

hypothesis_settings.register_profile("portal", max_examples=examples(100), deadline=None)
hypothesis_settings.load_profile("portal")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what is made once for their module run in one worker (`--dist loadgroup`), one after another."""
    for item in items:
        made = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
        if any(each.scope == "module" for name in item.fixturenames for each in made.get(name, ())):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays to the end: walking through it again and again takes a twelfth of the time."""
    if hasattr(session.config, "workerinput"):
        lost = [
            each.nodeid for each in session.items if each.get_closest_marker("xdist_group") and "@" not in each.nodeid
        ]
        assert not lost, f"pytest-xdist would make these tests' fixtures once in each worker: {lost[:3]}"
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Hashing a password well takes most of a second, and hundreds of tests make a user."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _every_export_gives_its_place_back():
    """A place that one test keeps is missing in the tests after it."""
    from portal.exports.download import PLACES

    yield
    taken, PLACES.taken = PLACES.taken, 0
    assert not taken, "an answer with an export was neither read nor closed"


@pytest.fixture(autouse=True)
def _nothing_rendered_before():
    """What the overview keeps as it was rendered goes by moments, which tests may share."""
    from environments.overview.views import look_back

    look_back.cache_clear()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings, django_db_blocker):
    """Workers copy one migrated database: the first that needs it makes it, the others wait for it."""
    if name := os.environ.get("PORTAL_TEST_TEMPLATE"):
        with django_db_blocker.unblock():
            use_template(name)


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
