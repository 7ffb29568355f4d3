"""The environments that have a task, or a service, of one reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Q
from django.db.models.functions import Upper
from django.http import Http404, HttpRequest, QueryDict
from django.urls import reverse

from automations.actions.change import RUN
from automations.by_reference.list import SEE_SERVICES, SEE_TASKS, any_word_in, phases_in_words
from automations.by_reference.rows import PHASES, line
from automations.models import (
    Automation,
    AutomationQuerySet,
    ExecutionPhase,
    Service,
    ServiceSummary,
    Task,
    TaskSummary,
)
from automations.models.summary import Summary
from environments.actions import bulk
from environments.actions.registry import Actor, forbids
from environments.list.names import names_of
from portal.directory.models import Project
from portal.lists.change_token import changed_rows
from portal.lists.declaration import Heading, List, ListQuery, Table, only
from portal.lists.filters import EnumWords, Filter, Values, in_ids
from portal.lists.keyset import Sort
from portal.lists.readers import NONE, id_or_none
from portal.web import cells

MOST_PROJECTS = 200
SHOWN = (
    "reference", "name", "environment_id", "environment_name", "project_id", "project_name", "owner_id", "owner_name",
)  # fmt: skip
EXPORTED = {
    "id": "id", "reference": "reference", "name": "name", "environment_id": "environment_id",
    "environment": "environment_name", "project_id": "project_id", "project": "project_name", "owner_id": "owner_id",
    "owner": "owner_name",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between tasks and services; `phase` is the column that the phase filter asks."""

    model: type[Automation]
    summaries: type[Summary]
    phase: str
    phases: EnumWords
    actions: tuple[tuple[str, str], ...]  # of a batch over many environments, and its words

    def having(self, reference: str) -> AutomationQuerySet:
        """All that are present, of one reference."""
        rows: AutomationQuerySet = self.model.objects.present().filter(reference=reference)
        return rows

    def asks(self, values: Values) -> Q:
        return Q(**{self.phase: self.phases.raw(values[0])})


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter, in words with how many there are."""

    value: str
    words: str


def _phases(kind: Kind, rows: AutomationQuerySet) -> list[Choice]:
    """The phases that occur, with how many there are; from an index alone."""
    counted = rows.order_by().values_list(kind.phase).annotate(count=Count("*")).order_by("-count", kind.phase)
    found = {kind.phases.value(raw): count for raw, count in counted}
    return [Choice(value, f"{words} ({found[value]:,})") for value, words in kind.phases.labels(found).items()]


def _projects(rows: AutomationQuerySet) -> list[Choice]:
    """The projects that occur, with how many there are; from an index alone, and one query for their names."""
    counted = rows.order_by().values_list("project_id").annotate(count=Count("*")).order_by("-count", "project_id")
    found = list(counted[:MOST_PROJECTS])
    names = dict(Project.objects.filter(pk__in=[id_ for id_, _ in found if id_]).values_list("pk", "name"))
    return [
        Choice(str(id_ or NONE), f"{names.get(id_) or (f'{str(id_)[:8]}…' if id_ else NONE)} ({count:,})")
        for id_, count in found
    ]


def _batch_url(action: str, query: ListQuery) -> str:
    """Where the run in many environments is begun, with what filters of environments stand here."""
    project = query.one("project")
    pairs = {"action": action, "reference": query.of["reference"]} | ({"project": project} if project else {})
    return f"{reverse('automations:batch-new')}?{urlencode(pairs)}"


def _selection(kind: Kind, query: ListQuery, user: Actor) -> bulk.Selection:
    """What can be done in those selected; all that match can be named only where a plan knows the filters."""
    reference, filters = query.of["reference"], query.place.filters
    is_plain = all(name == "project" for name, _ in filters)
    all_query = urlencode([("reference", reference), *filters]) if is_plain else ""
    labels = [(name, words.replace("Bulk ", "").capitalize()) for name, words in kind.actions]
    return bulk.selection_of(reference, labels, user, all_query)


def _list(thing: str, kind: Kind, more: Mapping[str, str], **differs: Any) -> List:
    columns = {**EXPORTED, **more}
    every = Table(
        name=thing, title=f"Environments with a {thing}", columns=columns, row=phases_in_words(columns)
    )  # fmt: skip

    def prepare(listing: List, data: QueryDict, of: Mapping[str, Any]) -> List:
        """The list of one reference; Http404 where nothing has it or had it."""
        reference = of["reference"]
        summary = kind.summaries._default_manager.filter(reference=reference).first()
        if summary is None and not kind.having(reference).exists():
            raise Http404(f"No environment has a {thing} called {reference}. It may have been renamed or deleted.")

        def context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
            rows = kind.having(reference)
            return {
                "reference": reference,
                "thing": thing,
                "things": f"{thing}s",
                "line": line(summary) if summary else None,
                "environments_url": reverse("environments:list"),
                "executions_url": f"{reverse('automations:list')}executions/",
                "phases": _phases(kind, rows),
                "projects": _projects(rows),
                "chosen": dict(query.place.filters),
                "selection": _selection(kind, query, request.user),
                "why_not": forbids(request.user, RUN),
                "batches": [(words, _batch_url(action, query)) for action, words in kind.actions],
            }

        table = replace(
            every, name=f"{thing}-{reference}", title=f"Environments with the {thing} {reference}",
            about=lambda query: {"reference": reference},
        )  # fmt: skip
        return replace(listing, base=lambda query: kind.having(reference), context=context, table=table)

    return List(
        name=f"{thing}-environments",
        api=f"{thing}s/<any:reference>/environments",
        page_url=f"automations:{thing}",
        export_url=f"automations:{thing}-export",
        title=f"Environments with this {thing}",
        one=f"environment with this {thing}",
        many=f"environments with this {thing}",
        model=kind.model,
        default_order="environment",
        filters=(
            any_word_in("environment_name", "owner_name"),
            Filter("phase", "Phase", kind.asks, kind.phases.read, kind.phases.labels, single=True, is_exact=True),
            Filter("project", "Project", in_ids("project_id"), id_or_none, names_of("project"), single=True),
        ),
        panel=("phase", "project"),
        prepare=prepare,
        change_token=changed_rows(kind.model),
        saved=False,
        template="automations/by_reference/occurrences.html",
        body_template="",
        rows_template=f"automations/by_reference/_{thing}.html",
        before_template="automations/by_reference/_figures.html",
        after_template="environments/_selection.html",
        empty_template="automations/by_reference/_nobody.html",
        css="run-having",
        table=every,
        **differs,
    )


BY_ENVIRONMENT = Sort("environment", "Environment", Upper("environment_name"), "")
TICKS = Heading("list-tick", cells.SELECT_PAGE, permissions=(RUN,))
FIRST = (TICKS, Heading("run-environment", sort="environment"), Heading("", "Project"), Heading("", "Owner"))
TASK_ENVIRONMENTS = _list(
    "task",
    Kind(
        Task,
        TaskSummary,
        "last_phase",
        EnumWords(
            {str(phase.label): str(phase.value) for phase in ExecutionPhase} | {"never": ""}, "task_execution_phase_"
        ),
        (("task.start", "Bulk run"),),
    ),
    {"last_phase": "last_phase", "last_run_at": "last_run_at", "last_execution_id": "last_execution_id"},
    permissions=SEE_TASKS,
    sorts=(
        BY_ENVIRONMENT,
        Sort("phase", "Last run", F("last_phase"), ""),
        Sort("last_run", "When", F("last_run_at"), None, first_click_descends=True),
    ),
    read=only(*SHOWN, "last_execution_id", "last_phase", "last_run_at"),
    headings=(
        *FIRST,
        Heading("run-phase", sort="phase"),
        Heading("run-last_run", sort="last_run"),
        Heading("", "Its page"),
    ),
)
SERVICE_ENVIRONMENTS = _list(
    "service",
    Kind(
        Service,
        ServiceSummary,
        "phase",
        PHASES,
        (("service.start", "Bulk start"), ("service.stop", "Bulk stop"), ("service.restart", "Bulk restart")),
    ),
    {"phase": "phase", "failure": "failure"},
    permissions=SEE_SERVICES,
    sorts=(BY_ENVIRONMENT, Sort("phase", "Phase", F("phase"), "")),
    read=only(*SHOWN, "phase", "failure"),
    headings=(*FIRST, Heading("run-phase", sort="phase"), Heading("run-failures", "Failure"), Heading("", "Its page")),
)
