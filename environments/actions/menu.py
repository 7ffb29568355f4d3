"""The actions of one environment as its page offers them to one person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User

from environments.actions import registry
from environments.actions.registry import Action
from environments.models import Environment
from portal.directory.models import Organization
from portal.web.navigation import address_of

FIRST = {"start": registry.START, "stop": registry.STOP}
MORE = {
    "keep-awake": registry.KEEP_AWAKE,
    "rename": registry.RENAME,
    "lockdown": registry.LOCKDOWN,
    "logs-token": registry.LOGS_TOKEN,
    "access-token": registry.ACCESS_TOKEN,
    "archive": registry.ARCHIVE,
    "unarchive": registry.UNARCHIVE,
    "delete": registry.DELETED,
}
ACTIONS = FIRST | MORE
NOT_ALLOWED = "Your roles do not let you do this. An administrator of the portal can give you one that does."


@dataclass(frozen=True, slots=True)
class Button:
    """Leads to the form of an action; `why_not` says in words why it is disabled, or is empty."""

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


def menu(environment: Environment, organization: Organization | None, user: Actor, now: datetime) -> Menu:
    """All actions, those that cannot be done too."""
    return Menu(*(buttons(slugs, environment, organization, user.has_perm, now) for slugs in (FIRST, MORE)))


def buttons(
    slugs: Iterable[str], environment: Environment, organization: Organization | None, may: May, now: datetime
) -> list[Button]:
    """Some of the actions, as FIRST and MORE name them, those that cannot be done too."""
    return [_button(slug, ACTIONS[slug], environment, organization, may, now) for slug in slugs]


def _button(
    slug: str, action: Action, environment: Environment, organization: Organization | None, may: May, now: datetime
) -> Button:
    why_not = action.impossible(environment, organization, now) if may(action.permission) else NOT_ALLOWED
    url = address_of(f"environments:{slug}", environment.pk)
    return Button(action.label, url, why_not, action is registry.DELETED)
