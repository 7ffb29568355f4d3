"""The portal connected to a stand-in Ona."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from environments.secrets.sync import sync_secrets
from environments.sync.directory import sync_directory
from environments.sync.full_listing import sync_environments
from portal.directory.connection import ona
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.support.databases import SharedRows


def _read() -> None:
    for job in (sync_directory, sync_environments, sync_secrets):
        job(ona())


_READ = SharedRows(_read, "environments_", "automations_", "directory_")


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """An organization of 40 environments, connected; nothing of it is cached yet."""
    with connect(World(environments=40, seed=11)) as server:
        yield server


@pytest.fixture
def ona_read(db: None, connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """The same organization, connected and read once."""
    with connect(World(environments=40, seed=11, now=_READ.at())) as server:
        _READ.put()
        yield server
