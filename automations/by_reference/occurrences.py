"""What has a task or a service of one reference: its filters, order and place; its URL is its whole state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, F, Q
from django.db.models.functions import Upper
from django.http import QueryDict
from django.urls import reverse

from automations.by_reference.list import line
from automations.models import (
    Automation,
    AutomationQuerySet,
    ExecutionPhase,
    Service,
    ServicePhase,
    ServiceSummary,
    Task,
    TaskSummary,
)
from automations.models.summary import Summary
from portal.directory.models import Project
from portal.lists.change_token import changed_rows
from portal.lists.declaration import COUNTED, Total
from portal.lists.keyset import Cursor, Sort, page
from portal.lists.place import Chip, Place, typed
from portal.lists.readers import id_or_none
from portal.lists.search import Problem, one_of

NONE = "none"
MOST_PROJECTS = 200
BY_ENVIRONMENT = Sort("environment", "Environment", Upper("environment_name"), "")
SHOWN = ("reference", "name", "environment_id", "environment_name", "project_id", "project_name", "owner_name")


@dataclass(frozen=True, slots=True)
class Having:
    """What differs between tasks and services; `phase` is the column that the phase filter asks."""

    model: type[Automation]
    summaries: type[Summary]
    url_name: str
    phase: str
    phases: Mapping[str, str]
    sorts: tuple[Sort, ...]
    shown: tuple[str, ...]
    actions: tuple[tuple[str, str], ...]  # of a batch over many environments, and its words

    @property
    def rows(self) -> AutomationQuerySet:
        """All that are present."""
        rows: AutomationQuerySet = self.model.objects.present()
        return rows


TASKS = Having(
    Task,
    TaskSummary,
    "automations:task",
    "last_phase",
    {str(phase.label): str(phase.value) for phase in ExecutionPhase} | {"never": ""},
    (
        BY_ENVIRONMENT,
        Sort("phase", "Last run", F("last_phase"), ""),
        Sort("last_run", "When", F("last_run_at"), None, first_click_descends=True),
    ),
    (*SHOWN, "last_execution_id", "last_phase", "last_run_at"),
    (("task.start", "Run in many environments"),),
)
SERVICES = Having(
    Service,
    ServiceSummary,
    "automations:service",
    "phase",
    {str(phase.label): str(phase.value) for phase in ServicePhase} | {"unknown": ""},
    (BY_ENVIRONMENT, Sort("phase", "Phase", F("phase"), "")),
    (*SHOWN, "phase", "failure"),
    (("service.start", "Start in many environments"), ("service.stop", "Stop in many environments")),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter, in words with how many there are."""

    value: str
    words: str


def context(having: Having, reference: str, data: QueryDict) -> dict[str, Any] | None:
    """What the templates show of one reference; None where nothing has it or had it."""
    seen = changed_rows(having.model)()
    summary = having.summaries._default_manager.filter(reference=reference).first()
    of_reference = having.rows.filter(reference=reference)
    if summary is None and not of_reference.exists():
        return None
    problems: list[Problem] = []
    place, cursor = read_place(having, data, problems)
    rows = of_reference.filter(asked(having, place))
    shown = page(rows, place.order, place.size, cursor, lambda found: found.only(*having.shown))
    url = reverse(having.url_name, args=[reference])
    projects = projects_of(of_reference)
    return {
        "reference": reference,
        "line": line(summary) if summary else None,
        "url": url,
        "environments_url": reverse("environments:list"),
        "executions_url": f"{reverse('automations:list')}executions/",
        "words": place.one("q"),
        "rows": shown.rows,
        "total": _total(rows),
        "phases": _phases(having, of_reference),
        "projects": projects,
        "chosen": dict(place.filters),
        "chips": chips(place, projects),
        "problems": problems,
        "columns": {sort.name: place.column(sort) for sort in having.sorts},
        "sort_field": place.sort_field,
        "next_url": shown.next and place.at(shown.next),
        "previous_url": shown.previous and place.at(shown.previous),
        "first_url": place.at(None),
        "is_beyond": cursor is not None,
        "poll_url": f"{url}{place}&{urlencode({'seen': seen})}",
        "batches": [(words, _batch_url(action, reference, place)) for action, words in having.actions],
    }


def read_place(having: Having, data: QueryDict, problems: list[Problem]) -> tuple[Place, Cursor | None]:
    """The place that `data` names, and where it begins; what makes no sense goes to `problems`."""
    pairs = [*typed(data), *_read(having, data, problems)]
    return Place.read(data, pairs, {sort.name: sort for sort in having.sorts}, "environment", problems)


def _read(having: Having, data: QueryDict, problems: list[Problem]) -> list[tuple[str, str]]:
    """The filters that make sense; the others go to `problems`."""
    readers = {"phase": lambda text: _phase(having, text), "project": id_or_none}
    pairs = []
    for name, read in readers.items():
        if text := data.get(name, ""):
            try:
                pairs.append((name, read(text)))
            except ValueError as error:
                problems.append(Problem(f"{name}={text}"[:100], f"{name.capitalize()}: {error}"))
    return pairs


def _phase(having: Having, text: str) -> str:
    """A phase by its word, or one that is newer than the words by its name at Ona."""
    word = text.lower()
    if "_phase_" not in word or "\0" in word:
        one_of(having.phases)(word)
    return word


def asked(having: Having, place: Place) -> Q:
    """What the filters ask of what has a reference."""
    asks = Q()
    for word in place.one("q").split():
        asks &= Q(environment_name__icontains=word) | Q(owner_name__icontains=word)
    if phase := place.one("phase"):
        asks &= Q(**{having.phase: having.phases.get(phase, phase.upper())})
    if project := place.one("project"):
        asks &= Q(project_id=None if project == NONE else UUID(project))
    return asks


def _phases(having: Having, rows: AutomationQuerySet) -> list[Choice]:
    """The phases that occur, with how many there are; from an index alone."""
    words = {raw: word for word, raw in having.phases.items()}
    counted = rows.order_by().values_list(having.phase).annotate(count=Count("*")).order_by("-count", having.phase)
    return [Choice(words.get(raw, raw.lower()), f"{words.get(raw, raw)} ({count:,})") for raw, count in counted]


def projects_of(rows: AutomationQuerySet) -> list[Choice]:
    """The projects that occur, with how many there are; from an index alone, and one query for their names."""
    counted = rows.order_by().values_list("project_id").annotate(count=Count("*")).order_by("-count", "project_id")
    found = list(counted[:MOST_PROJECTS])
    names = dict(Project.objects.filter(pk__in=[id_ for id_, _ in found if id_]).values_list("pk", "name"))
    return [
        Choice(str(id_ or NONE), f"{names.get(id_) or (f'{str(id_)[:8]}…' if id_ else NONE)} ({count:,})")
        for id_, count in found
    ]


def chips(place: Place, projects: list[Choice]) -> list[Chip]:
    """Every active condition, with the names of projects."""
    named = {choice.value: choice.words.rpartition(" (")[0] for choice in projects}
    labels = {"q": "", "phase": "Phase", "project": "Project"}
    return [Chip(labels[name], named.get(value, value), place.only(name, "")) for name, value in place.filters]


def _batch_url(action: str, reference: str, place: Place) -> str:
    """Where the run in many environments is begun, with what filters of environments stand here."""
    project = place.one("project")
    pairs = {"action": action, "reference": reference} | ({"project": project} if project else {})
    return f"{reverse('automations:list')}batches/new/?{urlencode(pairs)}"


def _total(rows: AutomationQuerySet) -> Total:
    """How many there are, up to a limit."""
    count = rows.order_by().values("pk")[: COUNTED + 1].count()
    return Total(min(count, COUNTED), count > COUNTED)
