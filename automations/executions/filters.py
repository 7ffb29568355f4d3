"""What executions can be filtered by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Model, Q
from django.utils import timezone

from automations.executions import search_keys
from environments.list.filters import chosen
from environments.models import Environment
from portal.directory.models import Member, Project
from portal.lists import readers
from portal.lists.filters import Conditional, EnumWords, Filter, Grouped, Values, any_of, in_column, in_ids, words_of
from portal.lists.folding import contains, facet_form
from portal.lists.period import SPANS as USUAL_SPANS
from portal.lists.period import time_words
from portal.lists.readers import NONE
from portal.web.enum_labels import TRIGGERS

TODAY = "today"
SPANS = {TODAY: "today (UTC)", **USUAL_SPANS}
DURATIONS = {"<10s": "under 10 s", ">1m": "over 1 min", ">10m": "over 10 min", ">1h": "over 1 h"}
PHASES = EnumWords(search_keys.PHASES, search_keys.PREFIX.lower())


def _since_text(text: str) -> str:
    if text.lower() != TODAY:
        readers.span(text)
    return text.lower()


def _duration_text(text: str) -> str:
    search_keys.compared(text)
    return text.lower().replace(" ", "")


def since(value: str) -> datetime:
    """The time that "today" (UTC) or a span such as "7d" reaches back to."""
    now = timezone.now()
    return now.replace(hour=0, minute=0, second=0, microsecond=0) if value == TODAY else now - readers.span(value)


def _created_since(value: str) -> Q:
    return Q(created_at__gte=since(value))


def starter_words(started_by: str, name: str) -> str:
    """Who or what started an execution: a member by name, a trigger in words, else as Ona says; may be empty."""
    return TRIGGERS.get(started_by, name or started_by)


def _names(model: type[Model]) -> Callable[[Iterable[str]], dict[str, str]]:
    """The names behind ids; one query."""

    def names(values: Iterable[str]) -> dict[str, str]:
        ids = {value: None if value == NONE else UUID(value) for value in values}
        wanted = [identity for identity in ids.values() if identity]
        known = dict(model._default_manager.filter(pk__in=wanted).values_list("pk", "name")) if wanted else {}
        return {value: known.get(each) or (value if each is None else f"{value[:8]}…") for value, each in ids.items()}

    return names


def _starters(values: Iterable[str]) -> dict[str, str]:
    """Of ids the names of members, of triggers their words."""
    values = list(values)
    names = _names(Member)([value for value in values if _is_id(value)])
    return {value: names.get(value) or starter_words(value, "") for value in values}


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _each(conditions: Iterable[str], condition: Callable[[str], Q]) -> Callable[[Values], Mapping[str, Q]]:
    """The usual ones, and those selected beside them."""
    return lambda selected: {value: condition(value) for value in (*conditions, *selected)}


def _named(column: str) -> Callable[[str], Q]:
    return lambda text: contains(text) & Q(**{f"{column}__says": text})


def _ids(name: str, label: str, model: type[Model]) -> Filter:
    facet = Grouped(f"{name}_id", find=_named(f"{name}_name"))
    return Filter(name, label, in_ids(f"{name}_id"), readers.id_or_none, _names(model), facet=facet)


FILTERS = (
    Filter(
        "phase", "Phase", lambda values: Q(phase__in=[*map(PHASES.raw, values)]), PHASES.read, PHASES.labels,
        facet=Grouped("phase", PHASES.value), is_exact=True,
    ),
    Filter(
        "since", "Created", any_of(_created_since), _since_text, words_of(SPANS, lambda value: f"last {value}"),
        single=True, facet=Conditional(_each(SPANS, _created_since), times=("from", "to")),
    ),
    Filter(
        "from", "From", any_of(lambda text: Q(created_at__gte=readers.time(text))), readers.first_time_text, time_words,
        single=True,
    ),
    Filter(
        "to", "To", any_of(lambda text: Q(created_at__lte=readers.end_of(text))), readers.last_time_text, time_words,
        single=True,
    ),
    Filter(
        "duration", "Duration", any_of(search_keys.duration), _duration_text,
        words_of(DURATIONS, lambda value: f"{value[0]} {value[1:]}"), single=True,
        facet=Conditional(_each(DURATIONS, search_keys.duration)),
    ),
    Filter(
        "reference", "Task", in_column("reference"), lambda text: facet_form(readers.stored_text(text)), is_exact=True,
        facet=Grouped("reference", facet_form, find=_named("reference")),
    ),
    _ids("project", "Project", Project),
    _ids("owner", "Owner", Member),
    Filter(
        "by", "Started by", lambda values: Q(started_by__in=[*values, *[""] * (NONE in values)]),
        words=_starters, is_exact=True,
        facet=Grouped(
            "started_by", find=lambda text: _named("started_by_name")(text) | search_keys.started_by(text)
        ),
    ),
    # too many to choose from: the form keeps what a link brought
    Filter("environment", "Environment", in_ids("environment_id"), readers.id_or_none, _names(Environment)),
    chosen("execution"),
)  # fmt: skip
FACETS = ("phase", "since", "duration", "reference", "project", "owner", "by")
