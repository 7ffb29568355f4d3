"""Tokens as the page shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from portal.accounts.models import ApiToken
from portal.accounts.tokens.permissions import permissions_of_roles

MAX_SHOWN = 500


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token with the word for its state and the colour of that; `is_valid` if it authenticates."""

    token: ApiToken
    state: str
    tone: str
    why: str = ""

    @property
    def is_valid(self) -> bool:
        return self.state == "valid"


def tokens_of(user: User) -> list[TokenRow]:
    """A person's own, newest first."""
    return _rows(ApiToken.objects.filter(owner=user).order_by("-created_at", "pk"))


def tokens_of_others(user: User) -> list[TokenRow]:
    """Everybody else's, newest first; one more than are shown if there are more. Seven queries for any number."""
    return _rows(ApiToken.objects.exclude(owner=user).order_by("-created_at", "pk")[: MAX_SHOWN + 1])


def _rows(tokens: Iterable[ApiToken]) -> list[TokenRow]:
    found, now = list(tokens), timezone.now()
    owners = User.objects.filter(pk__in={token.owner_id for token in found}).prefetch_related(
        "groups__permissions__content_type", "user_permissions__content_type"
    )
    by_id, roles = {owner.pk: owner for owner in owners}, permissions_of_roles()
    held = {owner.pk: _held(owner) for owner in by_id.values()}
    for token in found:
        token.owner = by_id[token.owner_id]
    return [_row(token, roles[token.role], held[token.owner_id], now) for token in found]


def _row(token: ApiToken, needed: frozenset[str], held: set[str], now: datetime) -> TokenRow:
    owner = token.owner
    if token.revoked_at:
        return TokenRow(token, "revoked", "gray", f"by {token.revoked_by}" if token.revoked_by else "")
    if token.expires_at <= now:
        return TokenRow(token, "expired", "gray")
    if not owner.is_active:
        return TokenRow(token, "stopped", "red", "its owner is deactivated")
    if not owner.is_superuser and not held.issuperset(needed):
        return TokenRow(token, "stopped", "red", f"its owner no longer has the rights of {token.role}")
    return TokenRow(token, "valid", "green")


def _held(user: User) -> set[str]:
    """As `User.get_all_permissions`, from what was read for many."""
    granted: set[Permission] = {*user.user_permissions.all()}
    granted.update(permission for group in user.groups.all() for permission in group.permissions.all())
    return {f"{permission.content_type.app_label}.{permission.codename}" for permission in granted}
