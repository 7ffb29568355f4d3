"""A list's query, parsed from its URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import IntegerField
from django.http import QueryDict

from portal.lists.declaration import AsOf, List, ListQuery
from portal.lists.filters import Values
from portal.lists.place import Pair, Place, typed
from portal.lists.search import Key, Problem, Query, Term, corrected, nearest, render, suggestion

# what every list's address may hold besides filters; "find-…" looks for the names of a facet
COMMON = ("q", "sort", "size", "page", "as_of", "seen", "shown", "facets", "of", "format")


def read_query(
    listing: List,
    data: QueryDict,
    as_of: AsOf | None = None,
    of: Mapping[str, Any] | None = None,
) -> ListQuery:
    """Parse a query string; never raises. Call it within `as_of.reading()`."""
    as_of, of = as_of or as_of_of(listing, data), of or {}
    listing = listing.prepare(listing, data, of)
    return _read(listing, data, as_of, as_of.pairs, of)


def as_of_of(listing: List, data: QueryDict) -> AsOf:
    """The time that a URL requests."""
    return listing.as_of(data.get("as_of", ""))


def canonical(listing: List, data: QueryDict) -> str:
    """The query as the list itself writes it, without its page."""
    as_of = as_of_of(listing, data)
    return _read(listing, data, as_of, as_of.typed_pairs, {}).place.at(None).removeprefix("?")


def _read(listing: List, data: QueryDict, as_of: AsOf, as_of_pairs: Sequence[Pair], of: Mapping[str, Any]) -> ListQuery:
    problems = [*as_of.problems, *_unknown(listing, data)]
    search = listing.search.parse(data.get("q", "")) if listing.search else Query()
    values = {name: found for name in listing.by_name if (found := _values(listing, data, name, problems))}
    search, moved = _by_filters(listing, search, values)
    text: list[Pair] = typed(data) if listing.search else []
    if moved:
        text = [("q", render(search.terms))] if search.terms else []
    pairs = text
    pairs += [(name, value) for name, found in values.items() for value in found]
    pairs += [(name, value) for name in listing.parameters if (value := data.get(name))]
    pairs += _unclear(data, problems)
    read_pk = int if isinstance(listing.model._meta.pk, IntegerField) else UUID
    place, cursor = Place.read(
        data, [*pairs, *as_of_pairs], listing.by_sort, listing.default_order, problems, sized=listing.sized,
        read_pk=read_pk,
    )  # fmt: skip
    return ListQuery(listing, values, search, place, cursor, (*problems, *search.problems), as_of, of, moved)


def _by_filters(listing: List, search: Query, values: dict[str, Values]) -> tuple[Query, tuple[Pair, ...]]:
    """The search without the terms that a filter tells as well, which are added to `values`: what is typed and what is
    ticked are one state. Nothing moves out of a text that is not understood."""
    if search.problems or not listing.search:
        return search, ()
    kept, moved = [], []
    for term in search.terms:
        name, found = _as_filter(listing, listing.search.keys, term, values)
        if found:
            values[name] = found
            moved += [(name, value) for value in found]
        else:
            kept.append(term)
    return replace(search, terms=tuple(kept)), tuple(moved)


def _as_filter(listing: List, keys: Mapping[str, Key], term: Term, values: Mapping[str, Values]) -> tuple[str, Values]:
    """The filter that means the same as a term, beside those given, and all its values; without values if none does."""
    pairs = [] if term.negated or not term.key else [keys[term.key].facet(value) for value in term.values]
    names = {pair[0] if pair else "" for pair in pairs}
    wanted = listing.by_name.get(names.pop()) if len(names) == 1 else None
    if wanted is None or ((wanted.single or wanted.adds_up) and len(pairs) > 1):
        return "", ()
    try:
        found = wanted.values([pair[1] for pair in pairs if pair])
    except ValueError:
        return "", ()
    given = values.get(wanted.name, ())
    if wanted.adds_up:
        return wanted.name, tuple(dict.fromkeys((*given, *found)))
    return wanted.name, found if set(given) in (set(), set(found)) else ()


def _unclear(data: QueryDict, problems: Sequence[Problem]) -> Iterator[Pair]:
    """What is not understood stays in every link, so that none of them leads to more rows than were requested."""
    for problem in problems:
        texts = data.getlist(problem.parameter) if problem.parameter else ()
        yield from ((problem.parameter, text.replace("\0", " ")) for text in texts if text)


def _unknown(listing: List, data: QueryDict) -> Iterator[Problem]:
    """Report parameters that the list does not have: a mistyped filter must not pass for no filter."""
    known = {*COMMON, *listing.by_name, *listing.parameters}
    for name, value in data.items():
        if value and name not in known and not name.startswith("find-"):
            near = nearest(name, [*listing.by_name, "q", "sort"])
            meant = tuple((near, text) for text in data.getlist(name)) if near else ()
            why = f"there is no filter {name[:40]}{suggestion(name, [near] if near else [])}"
            yield Problem(f"{name}={value}"[:100], why, name, meant)


def _values(listing: List, data: QueryDict, name: str, problems: list[Problem]) -> Values:
    """The valid values of a parameter; the others are reported in `problems`."""
    texts, wanted = data.getlist(name), listing.by_name[name]
    try:
        return wanted.values(texts)
    except ValueError as error:
        label = f"{wanted.label}: " if wanted.label else ""
        meant = tuple((name, text) for text in corrected(texts, error))
        problems.append(Problem(f"{name}={','.join(texts)}"[:100], f"{label}{error}", name, meant))
        return ()
