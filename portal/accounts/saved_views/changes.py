"""All changes of saved views. They are not in the ledger, which is about Ona; the log records shares and deletions."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone

from portal.accounts.models import LONGEST_QUERY, SavedView, Start
from portal.lists.registry import SAVABLE

log = structlog.get_logger(__name__)

MOST = 200  # per person


class NotKept(Exception):
    """The change is not possible; `field` of the form is the cause, or None."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Overtaken(NotKept):
    """The view was changed after the form was made."""


def canonical(url_name: str, query: str) -> str:
    """The canonical query of the list; NotKept if it is too long."""
    written = SAVABLE[url_name].canonical(QueryDict(query))
    if len(written) > LONGEST_QUERY:
        raise NotKept(f"These filters are too long to be saved: {len(written):,} of {LONGEST_QUERY:,} characters.")
    return written


def keep_view(*, owner: User, name: str, url_name: str, query: str, is_shared: bool, is_start: bool) -> SavedView:
    """Create a view; the same form sent twice creates one. NotKept if the name is taken or there are too many."""
    asked = {"url_name": url_name, "query": canonical(url_name, query), "is_shared": is_shared}
    with transaction.atomic():
        _one_at_a_time(owner)
        view = SavedView.objects.filter(owner=owner, name=name).first()
        if view is None:
            if SavedView.objects.filter(owner=owner).count() >= MOST:
                raise NotKept(f"You have {MOST} views, the maximum. Delete one first.")
            view = SavedView.objects.create(owner=owner, name=name, **asked)
            log.info("view_saved", **_told(view))
        elif asked != {field: getattr(view, field) for field in asked}:
            raise NotKept(f"You already have a view called {name}. Choose another name, or change that one.", "name")
        if is_start:
            choose_start(user=owner, view=view)
    return view


def change_view(
    *, view: SavedView, name: str, is_shared: bool, is_start: bool, seen_at: datetime | None = None
) -> None:
    """Change name, sharing and start. NotKept if another view has the name; Overtaken if the view was changed after
    `seen_at`."""
    with transaction.atomic():
        _one_at_a_time(view.owner)
        _refuse_overtaken(view, seen_at)
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


def refill_view(*, view: SavedView, query: str, seen_at: datetime | None = None) -> None:
    """Replace the filters. NotKept if they are too long; Overtaken if the view was changed after `seen_at`."""
    with transaction.atomic():
        _one_at_a_time(view.owner)
        _refuse_overtaken(view, seen_at)
        _write(view, query=canonical(view.url_name, query))
    log.info("view_refilled", **_told(view))


def delete_view(*, view: SavedView) -> None:
    """Delete a view; others who start with it are informed at their next start."""
    told = _told(view)
    with transaction.atomic():
        Start.objects.filter(user=view.owner, view=view).delete()
        view.delete()
    log.info("view_deleted", **told)


def unshare_view(*, view: SavedView, actor: User) -> None:
    """Stop sharing somebody else's view; its owner keeps it."""
    SavedView.objects.filter(pk=view.pk).update(is_shared=False, changed_at=timezone.now())
    log.info("view_unshared_by_another", by=actor.pk, **_told(view))


def choose_start(*, user: User, view: SavedView | None) -> None:
    """Set the start view of `user`; None for the overview."""
    if view is None:
        Start.objects.filter(user=user).delete()
    else:
        Start.objects.update_or_create(user=user, defaults={"view": view, "name": view.name})


def start_of(user: User) -> tuple[str, str]:
    """The start URL of `user`, and a message, mostly empty.

    A deleted start view leads to the overview, with a message once.
    """
    overview = reverse("overview")
    start = Start.objects.select_related("view").filter(user=user).first()
    if start is None:
        return overview, ""
    if start.view and start.view.is_open_to(user):
        return start.view.url, ""
    start.delete()
    return overview, (
        f"Your home page, {start.name}, no longer exists, or is no longer shared with you. "
        "It is the overview until you choose another view."
    )


def _one_at_a_time(owner: User) -> None:
    """Serialize changes of a person's views: names and counts are checked before writing."""
    User.objects.select_for_update(no_key=True).only("pk").get(pk=owner.pk)


def _refuse_overtaken(view: SavedView, seen_at: datetime | None) -> None:
    """Overtaken where it is not as the form showed it; `view` is then as it is now."""
    if seen_at is None or not SavedView.objects.filter(pk=view.pk).exclude(changed_at=seen_at).exists():
        return
    view.refresh_from_db()
    shared = "shared with everybody" if view.is_shared else "not shared"
    filters = ", ".join(f"{name}: {value}" for name, value in view.pairs) or "none"
    raise Overtaken(
        f"This view was changed after you opened this. It is now called {view}, is {shared}, and has these filters: "
        f"{filters}. Nothing was changed: save again to apply your changes."
    )


def _write(view: SavedView, **columns: object) -> None:
    """Write a view; NotKept if it was deleted meanwhile."""
    columns["changed_at"] = timezone.now()
    if not SavedView.objects.filter(pk=view.pk).update(**columns):
        raise NotKept("This view was deleted in the meantime.")
    for name, value in columns.items():
        setattr(view, name, value)


def _told(view: SavedView) -> dict[str, object]:
    """The log's fields of a view; names only of shared ones."""
    told = {"view_id": view.pk, "owner_id": view.owner_id, "list": view.url_name, "is_shared": view.is_shared}
    return told | ({"name": view.name} if view.is_shared else {})
