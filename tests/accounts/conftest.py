from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.support import factories


@pytest.fixture
def ann(db: None) -> User:
    return factories.user("Viewer", username="ann")


@pytest.fixture
def bo(db: None) -> User:
    return factories.user("Operator", username="bo")
