"""The API by token: what is open to a token of which role, and how others are refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from portal.accounts.models import ApiToken
from portal.accounts.roles import ROLES
from portal.accounts.tokens import changes
from portal.accounts.tokens.permissions import permissions_of_roles
from portal.api.listing import url_name
from portal.lists.declaration import List
from portal.lists.registry import LISTS
from tests.lists.samples import SAMPLES
from tests.support import factories

pytestmark = pytest.mark.django_db


def bearer(owner: User, role: str, *, is_read_only: bool = False) -> Client:
    options = {"name": role, "role": role, "days": 1, "is_read_only": is_read_only}
    _, secret = changes.create_token(owner=owner, actor=owner, **options)
    assert secret is not None
    return Client(headers={"Authorization": f"Bearer {secret.reveal()}"})


def address(listing: List) -> str:
    sample = SAMPLES[listing.page_url]
    return f"{reverse(f'api:{url_name(listing)}', kwargs=dict(sample.of))}?{urlencode(sample.always)}"


def test_lists_are_open_to_tokens_by_their_own_role_and_not_by_their_owners() -> None:
    owner, granted = User.objects.create_superuser("root"), permissions_of_roles()
    for listing in LISTS.values():
        SAMPLES[listing.page_url].make(1)
    for role in ROLES:
        clients = (bearer(owner, role), bearer(owner, role, is_read_only=True))
        for listing in LISTS.values():
            expected = 200 if granted[role].issuperset(listing.permissions) else 403
            found = [client.get(address(listing)).status_code for client in clients]
            assert found == [expected] * 2, f"{role}: {listing.page_url}"


def test_refusals_of_tokens_are_problem_documents() -> None:
    owner = factories.user("Viewer")
    client, (listing, *_) = bearer(owner, "Viewer"), LISTS.values()
    ApiToken.objects.update(revoked_at="2026-01-01T00:00Z")
    refused = client.get(address(listing))
    assert (refused.status_code, refused["Content-Type"]) == (401, "application/problem+json")
    assert refused["WWW-Authenticate"].startswith("Bearer ")
    assert "revoked" in refused.json()["detail"]


def test_too_many_requests_say_when_to_try_again(settings: Any) -> None:
    settings.API_TOKEN_REQUESTS = 1
    client, (listing, *_) = bearer(factories.user("Viewer"), "Viewer"), LISTS.values()
    first, second = (client.get(address(listing)) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 429)
    assert second["Content-Type"] == "application/problem+json"
    assert 1 <= int(second["Retry-After"]) <= 61
