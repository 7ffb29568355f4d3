"""Tokens of the portal's API: making, seeing and revoking them, and what the ledger says of it."""

from __future__ import annotations

import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.accounts.models import ApiToken
from portal.accounts.roles import ROLES, is_reading
from portal.accounts.tokens import changes
from portal.accounts.tokens.authentication import TokenRefused, identify
from portal.accounts.tokens.changes import CREATED, MAX_TOKENS, REVOKED
from portal.accounts.tokens.permissions import roles_within
from portal.accounts.tokens.secret import digest
from portal.ledger.models import Operation, Origin, Outcome
from portal.web.permissions import explain_roles
from tests.support import factories
from tests.support.databases import undone

pytestmark = pytest.mark.django_db
ALL = "/accounts/tokens/"
NEW = f"{ALL}new/"


def form(**fields: Any) -> dict[str, Any]:
    plain = {"name": "ci", "role": "Viewer", "days": "90", "operation_id": str(uuid.uuid4())}
    return plain | fields


def made(owner: User, *, role: str = "Viewer", days: int = 90, is_read_only: bool = False) -> tuple[ApiToken, str]:
    token, secret = changes.create_token(
        owner=owner, name="ci", role=role, days=days, is_read_only=is_read_only, actor=owner
    )
    assert secret is not None
    return token, secret.reveal()


def refusal(text: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        identify(text, None)
    return refused.value.code


def test_the_page_makes_a_token_shows_it_once_and_stores_its_digest_alone() -> None:
    owner = factories.user("Operator", username="ola")
    client, sent = factories.signed_in_as(owner), form(role="Operator", is_read_only="on", days="7")
    page = client.post(NEW, sent)
    text = page.context["secret"].reveal()
    assert page.content.decode().count(text) == 2, "the field and its button"
    assert page["Cache-Control"] == "private, no-store"
    token = ApiToken.objects.get()
    assert (token.digest, token.owner, token.role, token.is_read_only) == (digest(text), owner, "Operator", True)
    assert text.startswith(f"{token.prefix}_")
    assert len(text) > len(token.prefix) + 50
    assert token.expires_at - token.created_at == timedelta(days=7)
    again = client.post(NEW, sent)
    assert "shown once" in again.content.decode(), "the same form again makes no other, and shows nothing"
    assert (ApiToken.objects.count(), again.context["secret"]) == (1, None)
    assert client.post(NEW, sent | {"name": "other"}).status_code == 409, "other content under the same id"
    shown = client.get(ALL).content.decode()
    assert token.prefix in shown
    assert text not in shown
    operation = Operation.objects.get(action=CREATED)
    assert (operation.outcome, operation.origin, operation.target_type) == (Outcome.SUCCEEDED, Origin.PAGE, "token")
    assert (operation.target_id, operation.target_name) == (token.pk, f"ci ({token.prefix})")
    assert (operation.after["role"], operation.after["readOnly"]) == ("Operator", True)
    assert text[len(token.prefix) :] not in str(list(Operation.objects.values()))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\u202eb"),
        ("role", "Admin"),
        ("role", ""),
        ("days", "0"),
        ("days", "366"),
        ("days", "x"),
    ],
)
def test_what_a_token_cannot_be_is_refused_beside_its_field(field: str, value: str) -> None:
    page = factories.client("Operator").post(NEW, form() | {field: value})
    assert page.status_code == 422
    assert set(page.context["form"].errors) == {field}
    assert not ApiToken.objects.exists()
    assert not Operation.objects.exists()


def test_roles_are_offered_up_to_ones_own() -> None:
    offered = {role: roles_within(factories.user(role)) for role in ROLES}
    assert offered == {
        "Viewer": ["Viewer"],
        "Operator": ["Viewer", "Operator"],
        "Admin": ["Viewer", "Operator", "Admin", "Auditor"],
        "Auditor": ["Viewer", "Auditor"],
    }
    both = factories.user("Operator")
    both.groups.add(Group.objects.get(name="Auditor"))
    assert roles_within(both) == ["Viewer", "Operator", "Auditor"]
    assert roles_within(User(is_superuser=True)) == list(ROLES)
    assert roles_within(factories.user()) == []


def test_nobody_has_more_tokens_than_there_may_be() -> None:
    owner, now = factories.user("Viewer"), timezone.now()
    plain = {"owner": owner, "name": "x", "role": "Viewer", "prefix": "portal_x", "created_at": now}
    ApiToken.objects.bulk_create(
        ApiToken(**plain, digest=f"{number}", expires_at=now + timedelta(days=1)) for number in range(MAX_TOKENS)
    )
    page = factories.signed_in_as(owner).post(NEW, form())
    assert (page.status_code, ApiToken.objects.count()) == (422, MAX_TOKENS)
    assert f"You have {MAX_TOKENS} tokens" in page.content.decode()
    ApiToken.objects.filter(digest="0").update(expires_at=now)
    assert factories.signed_in_as(owner).post(NEW, form()).status_code == 200, "those that ended do not count"


def test_people_revoke_their_own_and_admins_everybodys() -> None:
    owner, other, admin = factories.user("Viewer"), factories.user("Operator"), factories.user("Admin")
    token, text = made(owner)
    address = f"{ALL}{token.pk}/revoke/"
    assert factories.signed_in_as(other).post(address).status_code == 404
    assert token.prefix not in factories.signed_in_as(other).get(ALL).content.decode()
    assert identify(text, None).pk == owner.pk
    for who in (owner, admin):
        with undone():
            client = factories.signed_in_as(who)
            assert token.prefix in client.get(ALL).content.decode()
            assert client.get(address).status_code == 200
            assert refusal("portal_x") == "unknown"
            assert client.post(address).status_code == 302
            assert refusal(text) == "revoked"
            operation = Operation.objects.get(action=REVOKED)
            assert (operation.actor_name, operation.target_id) == (who.username, token.pk)
            assert operation.outcome == Outcome.SUCCEEDED
            client.post(address)
            assert Operation.objects.filter(action=REVOKED).count() == 1, "it is revoked once"
            assert f"by {who.username}" in client.get(ALL).content.decode()


def test_a_token_stops_with_its_time_its_owners_account_and_its_owners_role() -> None:
    owner = factories.user("Operator")
    token, text = made(owner, role="Operator")
    cases: dict[str, Any] = {
        "expired": lambda: ApiToken.objects.update(expires_at=timezone.now()),
        "owner_inactive": lambda: User.objects.update(is_active=False),
        "role_lowered": lambda: owner.groups.set(Group.objects.filter(name="Viewer")),
        "unknown": User.objects.filter(pk=owner.pk).delete,
    }
    admin = factories.signed_in_as(factories.user("Admin"))
    for code, happens in cases.items():
        with undone():
            assert identify(text, None).pk == token.owner_id, code
            happens()
            assert refusal(text) == code
            if code == "role_lowered":
                assert "no longer has the rights of Operator" in admin.get(ALL).content.decode()
    owner.groups.add(Group.objects.get(name="Admin"))
    assert identify(text, None).has_perm("automations.run_task"), "a role above it leaves it as it is"


def test_a_token_has_the_permissions_of_its_role_and_none_about_accounts() -> None:
    owner = User.objects.create_superuser("root")
    for role in ROLES:
        _, text = made(owner, role=role)
        user, granted = identify(text, None), factories.user(role).get_all_permissions()
        lacks = granted - user.get_all_permissions()
        assert {name.partition(".")[0] for name in lacks} == {"accounts"}, role
        assert user.has_perms(granted - lacks), role
        assert user.has_perm("environments.view_environment"), role
        assert not user.has_perm("auth.add_user"), role
        assert not user.is_superuser, role
        _, text = made(owner, role=role, is_read_only=True)
        reading = identify(text, None).get_all_permissions()
        assert reading == {name for name in granted - lacks if is_reading(name)}, role
    assert not identify(text, None).has_perm("environments.operate_environment")
    refused = explain_roles(identify(text, None), ("environments.operate_environment",), "This address")
    assert "You are Auditor, by a read-only token." in refused


def test_a_token_can_make_neither_tokens_nor_people() -> None:
    owner = factories.user("Admin")
    token, text = made(owner, role="Admin")
    user = identify(text, None)
    with pytest.raises(PermissionDenied):
        changes.create_token(owner=user, name="x", role="Viewer", days=1, is_read_only=True, actor=user)
    with pytest.raises(PermissionDenied):
        changes.create_token(owner=owner, name="x", role="Viewer", days=1, is_read_only=True, actor=user)
    with pytest.raises(PermissionDenied):
        changes.revoke_token(token=token, actor=user)
    with pytest.raises(PermissionDenied):
        user.save()
    client = Client(headers={"Authorization": f"Bearer {text}"})
    for address in (ALL, NEW, "/admin/auth/user/add/", "/accounts/password/"):
        assert client.get(address).status_code == 302, f"{address}: pages are for signed-in people"


def test_the_use_of_a_token_is_recorded_once_a_minute() -> None:
    token, text = made(factories.user("Viewer"))

    def used(address: str) -> tuple[Any, str | None]:
        identify(text, address)
        token.refresh_from_db()
        return token.last_used_at, token.last_used_from

    first = used("192.0.2.1")
    assert first[1] == "192.0.2.1"
    assert used("192.0.2.2") == first
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=1))
    assert used("2001:db8::1")[1] == "2001:db8::1"


def test_the_command_prints_a_token_and_nothing_else() -> None:
    owner, out = factories.user("Operator", username="ola"), io.StringIO()
    call_command(
        "create_token", "nightly", owner="ola", role="Operator", read_only=True, stdout=out, stderr=io.StringIO()
    )
    (text,) = out.getvalue().splitlines()
    assert identify(text, None).token.owner == owner
    assert Operation.objects.get(action=CREATED).origin == Origin.COMMAND
    for wrong in ({"owner": "nobody"}, {"role": "Admin"}, {"days": "366"}):
        with pytest.raises(CommandError):
            call_command("create_token", "nightly", **{"owner": "ola", "role": "Viewer"} | wrong)
    assert ApiToken.objects.count() == 1


def test_the_page_costs_as_much_for_many_owners() -> None:
    client, costs = factories.client("Admin"), []
    for number in (2, 8):
        for _ in range(number):
            made(factories.user("Viewer"))
        with CaptureQueriesContext(connection) as asked:
            client.get(ALL)
        costs.append(len(asked))
    assert costs[0] == costs[1] < 20
