"""What is asked of a list, read from its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from portal.lists.declaration import At, List, ListQuery
from portal.lists.filters import Values
from portal.lists.place import Pair, Place, typed
from portal.lists.search import Problem, Query


def read_query(listing: List, data: QueryDict, at: At | None = None, of: Mapping[str, Any] | None = None) -> ListQuery:
    """Understand a query string, whatever it holds; never raises. To be called within `at.scope()`."""
    at, of = at or listing.at(data), of or {}
    listing = listing.prepare(listing, data, of)
    return _read(listing, data, at, of)


def canonical(listing: List, data: QueryDict) -> str:
    """The query as the list writes it, without its page: what made sense, and a time as it was typed."""
    at = listing.at(data)
    return _read(listing, data, At(at.moment, at.pairs or at.as_typed), {}).place.at(None).removeprefix("?")


def _read(listing: List, data: QueryDict, at: At, of: Mapping[str, Any]) -> ListQuery:
    problems = [at.problem] if at.problem else []
    search = listing.search.parse(data.get("q", "")) if listing.search else Query()
    values = {name: found for name in listing.by_name if (found := _values(listing, data, name, problems))}
    pairs: list[Pair] = typed(data) if listing.search else []
    pairs += [(name, value) for name, found in values.items() for value in found]
    place, cursor = Place.read(
        data, [*pairs, *at.pairs], listing.by_sort, listing.default_order, problems, sized=listing.sized
    )
    return ListQuery(listing, values, search, place, cursor, (*problems, *search.problems), at, of)


def _values(listing: List, data: QueryDict, name: str, problems: list[Problem]) -> Values:
    """The values of a parameter that make sense; what does not goes to `problems`."""
    texts, wanted = data.getlist(name), listing.by_name[name]
    try:
        return wanted.values(texts)
    except ValueError as error:
        label = f"{wanted.label}: " if wanted.label else ""
        problems.append(Problem(f"{name}={','.join(texts)}"[:100], f"{label}{error}"))
        return ()
