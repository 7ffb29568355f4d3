"""What environments can be filtered by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from django.db.models import Q

from environments.as_of import clock, recorded
from environments.list import search_keys
from environments.list.failure_messages import NO_WORDS, fingerprint, normalize
from environments.list.names import NAMED, named, names_of
from environments.models import Environment, EnvironmentQuerySet, FailureKind
from environments.models.flags import FLAGS
from environments.policies import stopping
from portal.lists.declaration import ListQuery
from portal.lists.filters import (
    Conditional,
    EnumWords,
    Filter,
    Grouped,
    Values,
    all_of,
    any_of,
    in_ids,
    words_of,
)
from portal.lists.readers import NONE, id_or_none, word_of

MOST_CHOSEN = 100  # environments named one by one: their ids still fit into an address
LONGEST_IDLE = 36_500  # days
IDLE_DAYS = (7, 30, 90)


def asks_for_gone(query: ListQuery) -> bool:
    """Whether gone environments are among those found."""
    return "gone" in query.values or any(term.key == "gone" for term in query.search.terms)


def without_gone(query: ListQuery, rows: EnvironmentQuerySet | None = None) -> EnvironmentQuerySet:
    """The rows (all environments) that an address starts from: gone ones only where it asks for them."""
    found = Environment.objects.all() if rows is None else rows
    return found if asks_for_gone(query) else found.present()


def _raw(name: str, label: str, words: Mapping[str, str], prefix: str) -> Filter:
    """Ona's enum values by their words; those that are newer than the words by the name that Ona gave them."""
    enum = EnumWords(words, prefix)
    return Filter(
        name, label, lambda values: Q(**{f"{name}__in": [*map(enum.raw, values)]}), enum.read, enum.labels,
        facet=Grouped(name, enum.value), is_exact=True,
    )  # fmt: skip


def _ids(name: str, label: str) -> Filter:
    column = NAMED[name][1]
    return Filter(name, label, in_ids(column), id_or_none, names_of(name), facet=Grouped(column, find=named(name)))


def _lockdown(word: str) -> Q:
    return search_keys.lockdown(word, clock.at())


def _stops(word: str) -> Q:
    return stopping.stops(word, clock.at())


def _flag(text: str) -> str:
    search_keys.read_flag(text)
    return text.lower()


def _days(text: str) -> str:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not 0 < int(text) <= LONGEST_IDLE:
        raise ValueError(f"takes a number of days, 1 to {LONGEST_IDLE}")
    return text


def _idle(selected: Values) -> dict[str, Q]:
    return {str(days): search_keys.idle(days) for days in sorted({*IDLE_DAYS, *map(int, selected)})}


def _chosen_id(text: str) -> str:
    """As it was typed, which may be shorter."""
    if text.lower() != NONE:
        try:
            UUID(text)
        except ValueError:
            raise ValueError(f"takes ids, or none; {text[:60]} is neither") from None
    return text.lower()


def chosen(one: str) -> Filter:
    """The rows selected one by one; `one` is what each is. A form of tick boxes sends "none" too, so that where nothing
    is ticked nothing is meant, and not everything."""

    def words(values: Values) -> str:
        number = sum(value != NONE for value in values)
        return f"{number} {one}{'' if number == 1 else 's'}"

    return Filter("id", "Chosen", in_ids("pk"), _chosen_id, most=MOST_CHOSEN + 1, together=words)


def _kind(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{24}", text):
        raise ValueError("takes a kind of failure, as the overview links to it")
    return text


def of_failure_kinds(values: Values) -> Q:
    """Environments of which the message is of these kinds, exactly; one query for the messages there are."""
    there_are = Environment.objects.with_failure().order_by().values_list("failure", flat=True).distinct()
    return Q(failure__in=[each for each in there_are if fingerprint(normalize(each)) in values])


def _kind_words(values: Iterable[str]) -> dict[str, str]:
    known = FailureKind.objects.in_bulk(list(values))
    return {value: (known[value].message or NO_WORDS) if value in known else f"{value[:8]}…" for value in values}


def _conditions(conditions: Mapping[str, Q]) -> Callable[[Values], Mapping[str, Q]]:
    return lambda selected: conditions


FILTERS = (
    _raw("phase", "Phase", search_keys.PHASES, "environment_phase_"),
    Filter(
        "archived", "Archived", all_of(search_keys.ARCHIVED), word_of(search_keys.ARCHIVED),
        words_of({"yes": "archived", "no": "active"}), single=True,
        facet=Conditional(_conditions({word: search_keys.ARCHIVED[word] for word in ("no", "yes")})),
    ),
    Filter(
        "lockdown", "Lockdown", any_of(_lockdown), word_of(search_keys.LOCKDOWN),
        words_of({"24h": "within 24 h", "7d": "within 7 days"}),
        facet=Conditional(lambda selected: {word: _lockdown(word) for word in search_keys.LOCKDOWN}),
    ),
    Filter(
        "flag", "Issues", lambda words: all_of(search_keys.flag_conditions())(words), _flag,
        words_of({word: flag.label for word, flag in FLAGS.items()}),
        facet=Conditional(lambda selected: recorded.answerable(search_keys.flag_conditions()), adds_up=True),
    ),
    Filter(
        "port", "Port", any_of(search_keys.PORTS), word_of(search_keys.PORTS),
        words_of({"everyone": "shared with everyone, running or not"}),
        facet=Conditional(_conditions(search_keys.PORTS)),
    ),
    Filter(
        "idle", "Idle for", lambda days: search_keys.idle(int(days[0])), _days,
        words_of({}, lambda text: f"{int(text)} d"), single=True, facet=Conditional(_idle),
    ),
    Filter(
        "stops", "Stops", any_of(_stops), word_of(stopping.STATUSES), words_of(stopping.STATUSES),
        facet=Conditional(lambda selected: recorded.answerable({word: _stops(word) for word in stopping.STATUSES})),
    ),
    _ids("project", "Project"),
    _ids("owner", "Owner"),
    _ids("runner", "Runner"),
    _ids("class", "Class"),
    _raw("role", "Role", search_keys.ROLES, "environment_role_"),
    Filter("failure", "Failure", of_failure_kinds, _kind, _kind_words, single=True),
    chosen("environment"),
    Filter(
        "gone", "Deleted", all_of(search_keys.GONE), word_of(search_keys.GONE),
        words_of({"yes": "include", "only": "only", "no": "exclude"}), single=True,
    ),
)  # fmt: skip
FACETS = ("phase", "flag", "port", "archived", "lockdown", "idle", "project", "owner", "class", "runner", "role")
PANEL = (*FACETS, "gone")  # what the panel of filters sends
