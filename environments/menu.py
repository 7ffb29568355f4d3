"""The actions of one environment as its page offers them to one person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse

from environments.actions import catalogue
from environments.actions.catalogue import Action
from environments.models import Environment
from portal.directory.models import Organization

FIRST = {"start": catalogue.START, "stop": catalogue.STOP}
MORE = {
    "keep-awake": catalogue.KEEP_AWAKE,
    "rename": catalogue.RENAME,
    "lockdown": catalogue.LOCKDOWN,
    "logs-token": catalogue.LOGS_TOKEN,
    "access-token": catalogue.ACCESS_TOKEN,
    "archive": catalogue.ARCHIVE,
    "unarchive": catalogue.UNARCHIVE,
    "delete": catalogue.DELETED,
}
NOT_ALLOWED = "Your roles do not let you do this. An administrator of the portal can give you one that does."


@dataclass(frozen=True, slots=True)
class Button:
    """Leads to the form of an action; `why_not` says in words why it is disabled, or is empty."""

    label: str
    url: str
    why_not: str
    is_dangerous: bool


@dataclass(frozen=True, slots=True)
class Menu:
    first: list[Button]
    more: list[Button]


def menu(
    environment: Environment, organization: Organization | None, user: User | AnonymousUser, now: datetime
) -> Menu:
    """All actions, those that cannot be done too."""

    def button(slug: str, action: Action) -> Button:
        why_not = action.impossible(environment, organization, now) if user.has_perm(action.permission) else NOT_ALLOWED
        url = reverse(f"environments:{slug}", args=[environment.pk])
        return Button(action.label, url, why_not, action is catalogue.DELETED)

    return Menu([button(*item) for item in FIRST.items()], [button(*item) for item in MORE.items()])
