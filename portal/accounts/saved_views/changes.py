"""The only way saved views are changed. None of it is asked of Ona, so none of it is in the ledger; the log tells who
shared and deleted what."""

from __future__ import annotations

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import LONGEST_QUERY, SavedView, Start
from portal.lists.registry import SAVABLE

log = structlog.get_logger(__name__)

MOST = 200  # views of one person


class NotKept(Exception):
    """What was asked for cannot be; `field` of the form is to blame, or None of them."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def canonical(url_name: str, query: str) -> str:
    """The query as the list writes it; NotKept where it is longer than can be kept."""
    written = SAVABLE[url_name].canonical(QueryDict(query))
    if len(written) > LONGEST_QUERY:
        raise NotKept(f"These filters are too long to be kept: {len(written):,} of {LONGEST_QUERY:,} characters.")
    return written


def keep_view(*, owner: User, name: str, url_name: str, query: str, is_shared: bool, is_start: bool) -> SavedView:
    """A new view; the same form sent twice keeps one. NotKept where the name is taken or there are too many."""
    asked = {"url_name": url_name, "query": canonical(url_name, query), "is_shared": is_shared}
    with transaction.atomic():
        _one_at_a_time(owner)
        view = SavedView.objects.filter(owner=owner, name=name).first()
        if view is None:
            if SavedView.objects.filter(owner=owner).count() >= MOST:
                raise NotKept(f"You keep {MOST} views, which is as many as there can be. Delete one first.")
            view = SavedView.objects.create(owner=owner, name=name, **asked)
            log.info("view_saved", **_told(view))
        elif asked != {field: getattr(view, field) for field in asked}:
            raise NotKept(f"You already have a view called {name}. Choose another name, or change that one.", "name")
        if is_start:
            choose_start(user=owner, view=view)
    return view


def change_view(*, view: SavedView, name: str, is_shared: bool, is_start: bool) -> None:
    """Another name, shared or kept, started with or not. NotKept where another view has the name."""
    with transaction.atomic():
        _one_at_a_time(view.owner)
        if SavedView.objects.filter(owner=view.owner, name=name).exclude(pk=view.pk).exists():
            raise NotKept(f"You already have a view called {name}. Choose another name.", "name")
        was_shared = view.is_shared
        _write(view, name=name, is_shared=is_shared)
        if is_start:
            choose_start(user=view.owner, view=view)
        else:
            Start.objects.filter(user=view.owner, view=view).delete()
        Start.objects.filter(view=view).update(name=name)
    if was_shared != is_shared:
        log.info("view_shared" if is_shared else "view_kept_to_oneself", **_told(view))


def refill_view(*, view: SavedView, query: str) -> None:
    """Other filters under the same name. NotKept where they are too long."""
    _write(view, query=canonical(view.url_name, query))
    log.info("view_refilled", **_told(view))


def delete_view(*, view: SavedView) -> None:
    """Whoever else starts with it is told at their next start."""
    told = _told(view)
    with transaction.atomic():
        Start.objects.filter(user=view.owner, view=view).delete()
        view.delete()
    log.info("view_deleted", **told)


def unshare_view(*, view: SavedView, actor: User) -> None:
    """By somebody who is not its owner: to the owner it stays."""
    SavedView.objects.filter(pk=view.pk).update(is_shared=False)
    log.info("view_unshared_by_another", by=actor.pk, **_told(view))


def choose_start(*, user: User, view: SavedView | None) -> None:
    """With which view `user` starts; None for the overview."""
    if view is None:
        Start.objects.filter(user=user).delete()
    else:
        Start.objects.update_or_create(user=user, defaults={"view": view, "name": view.name})


def start_of(user: User) -> tuple[str, str]:
    """Where `user` starts, and what is to be said of it, mostly nothing.

    A start that is there no more leads to the overview, is told about once, and forgotten.
    """
    overview = reverse("overview")
    start = Start.objects.select_related("view").filter(user=user).first()
    if start is None:
        return overview, ""
    if start.view and start.view.is_open_to(user):
        return start.view.url, ""
    start.delete()
    return overview, (
        f"Your start, {start.name}, is there no more: it was deleted, or is no longer shared with you. "
        "You start with the overview until you choose another view."
    )


def _one_at_a_time(owner: User) -> None:
    """Names and numbers of a person's views are checked before they are written: others wait until that is done."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)


def _write(view: SavedView, **columns: object) -> None:
    """NotKept where the view was deleted in the meantime."""
    columns["changed_at"] = timezone.now()
    if not SavedView.objects.filter(pk=view.pk).update(**columns):
        raise NotKept("This view was deleted in the meantime.")
    for name, value in columns.items():
        setattr(view, name, value)


def _told(view: SavedView) -> dict[str, object]:
    """What the log says of a view; names are told of shared ones alone."""
    told = {"view_id": view.pk, "owner_id": view.owner_id, "list": view.url_name, "is_shared": view.is_shared}
    return told | ({"name": view.name} if view.is_shared else {})
