"""The portal connected to a stand-in Ona."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from portal.directory import connection
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World


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


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """An organization of 40 environments, connected; nothing of it is cached yet."""
    with connect(World(environments=40, seed=11)) as server:
        yield server
