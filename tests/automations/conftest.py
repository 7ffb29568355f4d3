"""A stand-in Ona whose clock stands still, and somebody who may ask for everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User

from environments.models import Environment
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.automations.actions.kinds import known
from tests.support import factories


@pytest.fixture
def sandbox(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """A small organization, connected: what changes is what was asked for."""
    with connect(World(environments=5, seed=3, speed=0)) as server:
        yield server


@pytest.fixture
def ada(db: None) -> User:
    return factories.user("Admin", username="ada")


@pytest.fixture
def environment(db: None, sandbox: Sandbox) -> Environment:
    """A running one."""
    return known(sandbox)
