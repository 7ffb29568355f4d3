"""What can be chosen beside the list of operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection
from psycopg import sql

from portal.ledger import search_keys
from portal.ledger.labels import ACTIONS
from portal.lists.declaration import ListQuery
from portal.lists.period import SPANS

MOST_NAMES = 200
# An index gives the values that occur one after another, which a plain DISTINCT would count out of all rows.
OCCURRING = sql.SQL("""
WITH RECURSIVE found (name) AS (
    (SELECT {column} FROM ledger_operation ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM ledger_operation WHERE {column} > found.name ORDER BY {column} LIMIT 1)
    FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL LIMIT %s
""")


@dataclass(frozen=True, slots=True)
class Panel:
    """The values to choose from, each with its words."""

    spans: list[tuple[str, str]]
    outcomes: list[tuple[str, str]]
    actors: list[str]
    actions: list[tuple[str, str]]
    origins: list[tuple[str, str]]


def panel(query: ListQuery) -> Panel:
    """What the ledger has to choose from, and what is chosen; two queries."""
    actors = dict.fromkeys((*occurring("actor_name"), *query.selected("actor")))
    actions = {*occurring("action"), *query.selected("action")}
    place = {name: position for position, name in enumerate(ACTIONS)}

    def labelled(name: str, values: Iterable[str]) -> list[tuple[str, str]]:
        return list(query.listing.by_name[name].words(dict.fromkeys(values)).items())

    return Panel(
        spans=labelled("since", (*SPANS, *query.selected("since"))),
        outcomes=labelled("outcome", search_keys.OUTCOMES),
        actors=list(actors),
        actions=labelled("action", sorted(actions, key=lambda name: (place.get(name, len(place)), name))),
        origins=labelled("origin", search_keys.ORIGINS),
    )


def occurring(column: str, limit: int = MOST_NAMES) -> list[str]:
    """The values that a column has, in order, at most so many; the column needs an index that begins with it."""
    with connection.cursor() as cursor:
        cursor.execute(OCCURRING.format(column=sql.Identifier(column)), [limit])
        return [name for (name,) in cursor.fetchall()]
