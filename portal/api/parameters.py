"""The parameters of a list's endpoint: those of its page by the same names, and the API's own. Nothing is ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict

from portal.api.errors import InvalidParameters
from portal.lists.declaration import AsOf, List, ListQuery, Table
from portal.lists.query import read_query
from portal.lists.search import Problem, suggestion

DEFAULT_SIZE, MAX_SIZE = 100, 1000
OWN = ("cursor", "page_size", "fields", "count")
MISSING = "say what is to be simulated"
Found = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A list as a request asks for it."""

    query: ListQuery
    table: Table
    fields: tuple[str, ...]
    is_counted: bool


def names_of(listing: List) -> list[str]:
    """Every parameter that a list's endpoint takes."""
    search, past = ["q"] if listing.search else [], ["as_of"] if listing.has_past else []
    own = [name for name in OWN if name != "count" or listing.is_counted]
    parameters = [name for name in listing.parameters if name not in listing.of_file]
    return list(dict.fromkeys([*search, *listing.by_name, *parameters, *past, "sort", *own]))


def read(listing: List, data: QueryDict, as_of: AsOf, of: Mapping[str, Any]) -> Asked:
    """What is requested; call it within `as_of.reading()`. Raises InvalidParameters with everything that is wrong."""
    found: Found = [*_unknown(listing, data), *_repeated(listing, data)]
    own = {name: data.get(name, "") for name in OWN}
    size = _size(own["page_size"], found)
    query = read_query(listing, _as_page(data, own["cursor"]), as_of, of)
    found += _explained(query)
    if own["count"] not in ("", "true", "false"):
        found.append(("count", "takes true or false"))
    table = query.listing.table
    if table is None:
        found.append((listing.parameters[0], MISSING))
    fields = _fields(own["fields"], table, found) if table else ()
    if found or table is None:
        raise InvalidParameters(list(dict.fromkeys(found)))
    query = replace(query, place=replace(query.place, size=size))
    return Asked(query, table, fields, own["count"] == "true")


def _as_page(data: QueryDict, cursor: str) -> QueryDict:
    """The parameters as the list's page has them."""
    page = data.copy()
    for name in (*OWN, "size", "page"):
        page.pop(name, None)
    if cursor:
        page["page"] = cursor
    return page


def _unknown(listing: List, data: QueryDict) -> Iterator[tuple[str, str]]:
    known = names_of(listing)
    for name in data:
        if name not in known:
            yield name[:100], f"there is no such parameter{suggestion(name[:40], known)}"
        elif not str(data[name]).strip() and name != "q":
            yield name, "is empty; leave it out"


def _repeated(listing: List, data: QueryDict) -> Iterator[tuple[str, str]]:
    for name, values in data.lists():
        each = listing.by_name.get(name)
        if len(set(values)) > 1 and (each is None or each.single):
            yield name, "takes one value"


def _explained(query: ListQuery) -> Iterator[tuple[str, str]]:
    """The problems of the page, by parameter."""
    for each in query.problems:
        if each in query.search.problems:
            yield "q", str(each).removesuffix(".")
        elif (name := each.typed.partition("=")[0]) == "page":
            yield "cursor", "this is not a place in this list; begin without one"
        elif not _is_told(each):
            yield name, each.message


def _is_told(each: Problem) -> bool:
    return each.message.startswith("there is no filter ")


def _size(text: str, found: Found) -> int:
    if not text:
        return DEFAULT_SIZE
    if text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MAX_SIZE:
        return int(text)
    found.append(("page_size", f"takes a number from 1 to {MAX_SIZE:,}"))
    return DEFAULT_SIZE


def _fields(text: str, table: Table, found: Found) -> tuple[str, ...]:
    """The requested columns, in the list's order; all where none are."""
    names = [*table.columns, *table.more]
    wanted = [part.strip() for part in text.split(",")] if text else names
    for name in wanted:
        if name not in names:
            found.append(("fields", f"there is no field {name[:60]}{suggestion(name[:40], names)}"))
    return tuple(name for name in names if name in wanted)


def refuse_all(data: QueryDict) -> None:
    """For endpoints without parameters; raises InvalidParameters."""
    if data:
        raise InvalidParameters([(name[:100], "this address takes no parameters") for name in data])


def without_base(listing: List) -> List:
    """The list with every row of its model, those that it leaves out too."""
    return replace(listing, base=lambda query: listing.model._default_manager.all())
