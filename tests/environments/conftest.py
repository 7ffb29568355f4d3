"""The portal connected to a stand-in Ona."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from portal.sandbox.server import Sandbox
from portal.sandbox.world import World


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """An organization of 40 environments, connected; nothing of it is cached yet."""
    with connect(World(environments=40, seed=11)) as server:
        yield server
