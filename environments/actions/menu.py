"""The actions of one environment as its page offers them to one person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from django.contrib.auth.models import AnonymousUser, User

from environments.actions.registry import ACTIONS, Action, Danger
from environments.models import Environment
from environments.sync.connection import why_blocked
from portal.directory.models import Organization
from portal.web.navigation import address_of

NOT_ALLOWED = "Your roles do not let you do this. An administrator of the portal can give you one that does."
UNDER_MORE = 10


@dataclass(frozen=True, slots=True)
class Button:
    """Leads to the form of an action; `why_not` reports why it is disabled, or is empty."""

    label: str
    url: str
    why_not: str
    is_dangerous: bool


Actor = User | AnonymousUser
May = Callable[[str], bool]  # whether a person has a permission


@dataclass(frozen=True, slots=True)
class Menu:
    first: list[Button]
    more: list[Button]


def menu(
    environment: Environment, organization: Organization | None, user: Actor, now: datetime, blocked: str = ""
) -> Menu:
    """All actions, those that cannot be done too; `blocked` says why none can, or is empty."""
    found = buttons(in_menu(), environment, organization, user.has_perm, now)
    found = [replace(button, why_not=button.why_not or blocked) for button in found]
    split = sum(action.menu < UNDER_MORE for action in in_menu())
    return Menu(found[:split], found[split:])


def in_menu() -> list[Action]:
    """Those that the menu has, in its order."""
    return sorted((action for action in ACTIONS.values() if action.menu), key=lambda action: action.menu)


@cache
def fitting(status: str) -> list[Action]:
    """Those of the menu that do something about an environment in a status of an audit, such as "lockdown.past"."""
    return [action for action in in_menu() if status in action.fits]


def buttons(
    actions: Iterable[Action], environment: Environment, organization: Organization | None, may: May, now: datetime
) -> list[Button]:
    """For some of the actions, those that cannot be done too."""
    return [_button(action, environment, organization, may, now) for action in actions]


def forbids(user: Actor, permission: str) -> str:
    """What forbids an action on whatever subject: roles, or a token that Ona refuses; else empty."""
    return why_blocked(user) if user.has_perm(permission) else NOT_ALLOWED


def _button(
    action: Action, environment: Environment, organization: Organization | None, may: May, now: datetime
) -> Button:
    why_not = action.impossible(environment, organization, now) if may(action.permission) else NOT_ALLOWED
    url = address_of(f"environments:{action.slug}", environment.pk)
    return Button(action.label, url, why_not, action.danger is Danger.TYPED_NAME)
