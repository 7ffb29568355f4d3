"""What tokens may do: the permissions of their role that their owner has, too."""

from __future__ import annotations

from typing import TypeGuard

from django.contrib.auth.models import Permission, User

from portal.accounts.models import ApiToken, TokenUser
from portal.accounts.roles import ROLES

VIEW = "accounts.view_apitoken"
REVOKE = "accounts.revoke_apitoken"
# Accounts, roles and tokens are for people: whoever has a token must not be able to make a longer-lived one of it.
FOR_PEOPLE = ("accounts.", "auth.", "admin.", "sessions.", "axes.")
OF_ACCOUNTS = frozenset({"accounts.view_savedview", "accounts.see_people"})


def roles_within(user: User) -> list[str]:
    """The roles that are not above the user's own rights, lowest first; two queries."""
    held = user.get_all_permissions() if user.is_active else set()
    return [role for role, names in permissions_of_roles().items() if names and held.issuperset(names)]


def permissions_of_roles(*roles: str) -> dict[str, frozenset[str]]:
    """The permissions of each role (default: all), as they are granted now; one query."""
    names: dict[str, set[str]] = {role: set() for role in roles or ROLES}
    granted = Permission.objects.filter(group__name__in=names).values_list(
        "group__name", "content_type__app_label", "codename"
    )
    for role, app, codename in granted:
        names[role].add(f"{app}.{codename}")
    return {role: frozenset(found) for role, found in names.items()}


def permissions_of(token: ApiToken, owner: User) -> frozenset[str] | None:
    """What the role of `token` may do by a token; None if it is above its owner's rights by now."""
    of_role = permissions_of_roles(token.role)[token.role]
    if not of_role or not owner.get_all_permissions().issuperset(of_role):
        return None
    return frozenset(filter(_is_for_tokens, of_role))


def is_person(user: object) -> TypeGuard[User]:
    """Whether somebody is signed in, and no token."""
    return isinstance(user, User) and not isinstance(user, TokenUser) and user.is_active


def _is_for_tokens(name: str) -> bool:
    return name in OF_ACCOUNTS or not name.startswith(FOR_PEOPLE)
