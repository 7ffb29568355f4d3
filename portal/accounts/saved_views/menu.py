"""The menu of views on list pages: own and shared views, the open one, and saving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse

from portal.accounts.forms import SavedViewForm
from portal.accounts.models import SavedView
from portal.accounts.saved_views.changes import MOST
from portal.lists.registry import SAVABLE
from portal.web.htmx import htmx_of

VIEW = "accounts.view_savedview"
SHOWN = 50  # of others' views; the page of all views shows the rest
OPENED = "opened_views"  # session key: the last opened view, by list


@dataclass(frozen=True, slots=True)
class Menu:
    """The menu. `open` is the view with these filters, `opened` the own view opened before and changed since."""

    url_name: str
    label: str
    query: str
    mine: Sequence[SavedView]
    shared: Sequence[SavedView]
    is_more: bool
    open: SavedView | None
    opened: SavedView | None
    form: SavedViewForm
    said: str = ""


def menu_of_page(request: HttpRequest) -> Menu | None:
    """The menu of the requested page; None if it is not a list that the user may open."""
    match, user = request.resolver_match, getattr(request, "user", None)
    if match is None or not isinstance(user, User) or not may_save(user, match.view_name):
        return None
    return menu(request, user, match.view_name, SAVABLE[match.view_name].canonical(request.GET))


def may_save(user: User, url_name: str) -> bool:
    """Whether `url_name` is a list that `user` may open and save views of."""
    return url_name in SAVABLE and user.has_perms((VIEW, *SAVABLE[url_name].permissions))


def menu(
    request: HttpRequest, user: User, url_name: str, query: str, form: SavedViewForm | None = None, said: str = ""
) -> Menu:
    """Build the menu in one query; `form` is a rejected form, `said` a message."""
    views = SavedView.objects.seen_by(user).filter(url_name=url_name).for_list(user)[: MOST + SHOWN + 1]
    mine = [view for view in views if view.owner_id == user.pk]
    shared = [view for view in views if view.owner_id != user.pk]
    opened = request.session.get(OPENED, {}).get(url_name)
    # several can have the same filters: prefer the opened one
    current = max((view for view in views if view.is_of(query)), key=lambda view: view.pk == opened, default=None)
    return Menu(
        url_name,
        SAVABLE[url_name].label,
        query,
        mine,
        shared[:SHOWN],
        len(shared) > SHOWN,
        current,
        next((view for view in mine if view.pk == opened and query and current is None), None),
        form or SavedViewForm(initial={"list": url_name, "query": query}),
        said,
    )


def note_opened(request: HttpRequest, view: SavedView) -> None:
    """Remember the opened view, so that the menu offers to save changes to it."""
    request.session[OPENED] = request.session.get(OPENED, {}) | {view.url_name: view.pk}


def query_at_hand(request: HttpRequest, url_name: str, given: str) -> str:
    """The query in the browser's URL, which htmx may have changed since; else `given`."""
    details = htmx_of(request)
    here = urlsplit((details and details.current_url_abs_path) or "")
    return here.query if here.path == reverse(url_name) else given
