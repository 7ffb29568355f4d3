"""The page of one environment."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests import factories

pytestmark = pytest.mark.django_db
TABS = ("overview", "content", "access", "history", "documents")


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_there_for_an_environment_of_which_nothing_is_known(tab):
    environment = factories.environment()
    response = factories.client().get(reverse("environments:detail", args=[environment.id]), {"tab": tab})
    assert response.status_code == 200
    assert "unknown" in response.content.decode()
