"""The executions in the environments of a member or project, on their pages."""

from __future__ import annotations

from django.db.models import Count

from automations.executions.filters import PHASES
from automations.executions.list import EXECUTIONS
from automations.models import TaskExecution
from environments.directory_pages.belongings import Source, narrowed
from environments.directory_pages.nouns import Subject
from environments.overview.presentation import Figure
from portal.web.formatting import phase_word


def _figures(subject: Subject) -> list[Figure]:
    """In all, and by phase, most first; one query."""
    of = {subject.noun.kind: str(subject.identity)}
    rows = TaskExecution.objects.filter(**{f"{subject.noun.kind}_id": subject.identity}).order_by()
    counts = rows.values_list("phase").annotate(count=Count("pk")).order_by("-count", "phase")
    phases = [
        Figure(raw, phase_word(raw), count, narrowed(EXECUTIONS, **of, phase=PHASES.value(raw)), phase=raw)
        for raw, count in counts
    ]
    total = Figure("total", "in all", sum(each.count for each in phases), narrowed(EXECUTIONS, **of))
    return [total, *phases]


SOURCE = Source("executions", "Executions", EXECUTIONS.permissions, ("owner", "project"), _figures)
