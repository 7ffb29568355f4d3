"""People's saved views, for tests."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from portal.accounts.models import SavedView
from tests.support import factories

LIST = "/environments/"
NEW = "/accounts/views/new/"
ALL = "/accounts/views/"


def browser(user: User) -> Client:
    return factories.signed_in_as(user)


def view(owner: User, name: str = "Stopped", query: str = "phase=stopped", **columns: Any) -> SavedView:
    return SavedView.objects.create(owner=owner, name=name, query=query, **{"url_name": "environments:list"} | columns)


def save(client: Client, name: str = "Stopped", query: str = "phase=stopped", **more: str) -> Any:
    return client.post(NEW, {"name": name, "list": "environments:list", "query": query} | more)


def address(view: SavedView, act: str = "") -> str:
    return f"{ALL}{view.pk}/{act}"


def text(answer: Any) -> str:
    return answer.content.decode()
