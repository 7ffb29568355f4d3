"""What Redis caches is JSON: nothing in it is ever run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from tests.support import factories

PAGES = (
    "/environments/facets/", "/audit/lockdown/?group=project", "/audit/archive/", "/automations/facets/",
    "/operations/",
)  # fmt: skip


class Mark:
    """A pickle of it makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


@pytest.fixture
def broker() -> Any:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        cache.clear()
        yield client
        cache.clear()


def test_pages_are_the_same_from_the_cache_which_is_json_and_no_pickle_is_loaded(
    db: None, broker: redis.Redis, tmp_path: Path
) -> None:
    for number in range(3):
        factories.environment(name=f"e{number}")
    client = Client()
    client.force_login(factories.user("Admin"), backend="django.contrib.auth.backends.ModelBackend")

    def shown() -> list[tuple[int, int]]:
        return [(answer.status_code, len(answer.content)) for answer in map(client.get, PAGES)]

    counted = shown()
    keys = broker.keys(":1:*")
    assert len(keys) >= 4
    assert all(msgspec.json.decode(broker.get(key)) is not None for key in keys)
    assert shown() == counted
    for key in keys:
        broker.set(key, pickle.dumps(Mark(tmp_path / "loaded")))
    assert shown() == counted
    assert not (tmp_path / "loaded").exists()
