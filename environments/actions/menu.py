"""The actions of one environment as its page offers them to one person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from environments.actions.registry import ACTIONS, Action, Actor, Danger
from environments.models import Environment
from portal.directory.models import Organization
from portal.web.navigation import address_of

UNDER_MORE = 10


@dataclass(frozen=True, slots=True)
class Button:
    """Leads to the form of an action; `why_not` reports why it is disabled, or is empty."""

    label: str
    url: str
    why_not: str
    is_dangerous: bool


@dataclass(frozen=True, slots=True)
class Menu:
    first: list[Button]
    more: list[Button]


def menu(environment: Environment, organization: Organization | None, user: Actor, now: datetime) -> Menu:
    """All actions, those that cannot be done too."""
    found = buttons(in_menu(), environment, organization, user, now)
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
    actions: Iterable[Action], environment: Environment, organization: Organization | None, user: Actor, now: datetime
) -> list[Button]:
    """For some of the actions, those that cannot be done too."""
    return [_button(action, environment, organization, user, now) for action in actions]


def _button(
    action: Action, environment: Environment, organization: Organization | None, user: Actor, now: datetime
) -> Button:
    why_not = action.obstacle(user, environment, organization, now)
    url = address_of(f"environments:{action.slug}", environment.pk)
    return Button(action.label, url, why_not, action.danger is Danger.TYPED_NAME)
