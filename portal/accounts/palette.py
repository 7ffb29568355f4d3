"""What the palette finds of a person's own: saved views."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from portal.accounts.models import SavedView
from portal.palette.sources import MOST, Hit, Person, Source


def _views(text: str, user: Person) -> Iterator[Hit]:
    rows = SavedView.objects.seen_by(user).for_list(user)
    for view in rows.filter(name__icontains=text)[:MOST]:
        yield Hit(view.name, reverse("accounts:view", args=[view.pk]), view.label)


SOURCE = Source(
    title="Saved views", icon="filter", permissions=("accounts.view_savedview",), find=_views, shortest=1, rank=10
)
