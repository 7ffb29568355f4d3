"""All environments that one what-if question affects, as a list with the filters of the environments' list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Value
from django.http import QueryDict

from environments.audit.what_if import QUESTIONS, SPANS, Hit, Question, hits, reached, within
from environments.list.filters import without_gone
from environments.list.list import ENVIRONMENTS
from environments.models import Environment, EnvironmentQuerySet
from portal.lists.declaration import ListQuery, Now
from portal.lists.keyset import Page, Sort, page
from portal.lists.place import Chip
from portal.lists.query import read_query
from portal.lists.search import Problem

DEFAULT_ORDER = "when"
SORTED_BY = ("name", "owner", "project", "phase")


@dataclass(frozen=True)
class HitState:
    """A question, and the part of its results that the URL requests."""

    name: str
    value: int
    span: str
    now: datetime
    listed: ListQuery
    problems: tuple[Problem, ...]

    @property
    def question(self) -> Question:
        return QUESTIONS[self.name]

    @property
    def rows(self) -> EnvironmentQuerySet:
        """With `since` and `hit_at`, as of `reached`."""
        rows: EnvironmentQuerySet = self.listed.rows().filter(within(self.span, self.now))
        return rows


def read(data: QueryDict, name: str, value: int, now: datetime) -> HitState:
    """Understand a query string, whatever it holds; never raises."""
    span, problems = data.get("within", ""), []
    if span and span not in SPANS:
        problems.append(Problem(f"within={span}"[:60], f"Within: takes {', '.join(SPANS)}"))
        span = ""
    more = [("question", name), ("value", str(value)), *([("within", span)] if span else [])]
    listing = replace(
        ENVIRONMENTS,
        sorts=tuple(sorts(name).values()),
        default_order=DEFAULT_ORDER,
        parameters=("question", "value", "within", *QUESTIONS),
        base=lambda query: without_gone(query, reached(name, value)),
    )
    listed = read_query(listing, data, Now(), more=more)
    return HitState(name, value, span, now, listed, (*problems, *listed.problems))


def sorts(name: str) -> Mapping[str, Sort]:
    """By time first; unknown times come last."""
    return {"when": Sort("when", "When", QUESTIONS[name].since, None)} | {
        each: ENVIRONMENTS.by_sort[each] for each in SORTED_BY
    }


def chips(state: HitState) -> list[Chip]:
    """Every active condition by name."""
    place = state.listed.place
    found = [Chip("When", SPANS[state.span][0], place.only("within", ""))] if state.span else []
    return found + state.listed.chips()


def read_page(state: HitState) -> tuple[list[Hit], Page[Environment]]:
    """The requested page, in two queries."""
    limit = Value(state.value * state.question.unit)

    def read_rows(found: EnvironmentQuerySet) -> EnvironmentQuerySet:
        return found.annotate(hit_at=state.question.since + limit).for_list()

    shown = page(state.rows, state.listed.place.order, state.listed.place.size, state.listed.cursor, read_rows)
    return hits(shown.rows), shown
