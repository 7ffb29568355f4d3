"""What news does to a list that is open: its rows keep their order, and what is new among them waits to be shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import ValidationError

from portal.lists.declaration import ListQuery
from portal.lists.keyset import Page

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class News:
    """What an open page does not show yet: how many rows, and whether those it shows would have another order."""

    count: int = 0
    is_reordered: bool = False


def keep(shown: Sequence[Key], now: Sequence[Key], size: int) -> tuple[list[Key], News]:
    """The rows of an open page of at most `size`: those `shown` that still belong to the list, then those of `now`, the
    page as it would be, that come after all of them. Pure."""
    known = set(shown)
    end = next((at for at in range(len(now), 0, -1) if now[at - 1] in known), len(now) if known else 0)
    after = now[end:][: max(0, size - len(shown))]
    rows, there = [*shown, *after], set(now)
    in_order = [key for key in now if key in known]
    return rows, News(len(there.difference(rows)), in_order != [key for key in shown if key in there])


def kept(query: ListQuery, now: Page[Any], shown: str) -> tuple[Page[Any], News]:
    """`now` for a page that shows other rows, or the same in another order (`shown`, of `keys_of`). Two queries, if one
    of them has left the page."""
    keys = _read_keys(query, shown)
    if not keys or query.listing.pages:
        return now, News()
    there = {row.pk: row for row in now.rows}
    if elsewhere := [key for key in keys if key not in there]:
        belong = query.rows().filter(pk__in=elsewhere).values_list("pk", flat=True)
        there |= query.listing.read(query.listing.model._default_manager.all()).in_bulk(list(belong))
    rows, news = keep([key for key in keys if key in there], [row.pk for row in now.rows], query.place.size)
    return Page([there[key] for key in rows], now.next, now.previous), news


def keys_of(rows: Iterable[Any]) -> str:
    """The primary keys of a page's rows, as an address holds them; empty where they are no models."""
    return ".".join(str(row.pk) for row in rows if hasattr(row, "pk"))


def _read_keys(query: ListQuery, shown: str) -> list[Any]:
    read = query.listing.model._meta.pk.to_python
    try:
        return [read(key) for key in dict.fromkeys(shown.split(".")[: query.place.size]) if key]
    except ValidationError:
        return []
