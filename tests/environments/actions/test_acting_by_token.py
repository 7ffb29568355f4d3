"""Actions and batches by an API token: as much as its role allows, named in the ledger, and no more once it stopped."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from environments.models import Environment
from portal.accounts.models import ApiToken
from portal.accounts.tokens import changes
from portal.ledger.models import Operation, Origin
from portal.sandbox.server import Sandbox
from tests.environments.actions.test_acting import known

pytestmark = pytest.mark.django_db
REASON = {"reason": "nobody uses it"}


def bearer(owner: User, role: str, *, is_read_only: bool = False) -> tuple[ApiToken, Client]:
    options = {"name": "night shift", "role": role, "days": 1, "is_read_only": is_read_only}
    token, secret = changes.create_token(owner=owner, actor=owner, **options)
    assert secret is not None
    return token, Client(headers={"Authorization": f"Bearer {secret.reveal()}"}, enforce_csrf_checks=True)


def act(client: Client, environment: Environment, slug: str) -> Any:
    url = f"/api/v1/environments/{environment.pk}/actions/{slug}/"
    return client.post(url, REASON, content_type="application/json")


def test_a_token_acts_as_far_as_its_own_role_allows_until_it_is_revoked(sandbox: Sandbox) -> None:
    owner, environment = User.objects.create_superuser("root"), known(sandbox)
    for role, is_read_only, slug, status in (
        ("Viewer", False, "stop", 403), ("Auditor", False, "stop", 403), ("Operator", True, "stop", 403),
        ("Operator", False, "delete", 403), ("Admin", True, "delete", 403), ("Operator", False, "stop", 200),
    ):  # fmt: skip
        token, client = bearer(owner, role, is_read_only=is_read_only)
        answer = act(client, environment, slug)
        assert answer.status_code == status, (role, slug, answer.content)
    for role, what, status in (
        ("Viewer", "plan", 403), ("Operator", "plan", 200), ("Operator", "start", 403), ("Admin", "plan", 200)
    ):  # fmt: skip
        _, reading = bearer(owner, role, is_read_only=True)
        body = {"action": "environment.stop", "query": "", **({} if what == "plan" else REASON)}
        answer = reading.post(f"/api/v1/batches/actions/{what}/", body, content_type="application/json")
        assert answer.status_code == status, (role, what, answer.content)
    operation = Operation.objects.get(action="environment.stop")
    assert (operation.actor_name, operation.token) == ("root", f"night shift ({token.prefix})")
    assert operation.origin == Origin.API
    rows = client.get("/api/v1/operations/", {"action": "environment.stop", "fields": "origin,token"}).json()["results"]
    assert rows == [{"origin": "api", "token": operation.token}]
    ApiToken.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
    assert act(client, environment, "start").status_code == 401
    assert Operation.objects.filter(target_id=environment.pk).count() == 1
