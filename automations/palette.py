"""What the palette finds of automations: tasks and services by reference, executions, and what can be done to many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.db.models import Q
from django.urls import reverse

from automations.batches.registry import KINDS
from automations.by_reference.list import SEE_SERVICES, SEE_TASKS
from automations.models import ServiceSummary, TaskExecution, TaskSummary
from automations.models.summary import Summary
from portal.lists.folding import contains
from portal.palette.sources import MOST, Destination, Hit, Person, Source
from portal.web import formatting
from portal.web.navigation import address_of

EXECUTED = ("environments.view_environment", "automations.view_taskexecution")


def _by_reference(model: type[Summary], url_name: str) -> Callable[[str, Person], Iterator[Hit]]:
    def find(text: str, user: Person) -> Iterator[Hit]:
        rows = model._default_manager.filter(Q(reference__icontains=text) | Q(name__icontains=text))
        for row in rows.order_by("-environments", "reference")[:MOST]:
            note = f"in {row.environments} {'environment' if row.environments == 1 else 'environments'}"
            yield Hit(row.name or row.reference, reverse(url_name, args=[row.reference]), note)

    return find


def _executions(text: str, user: Person) -> Iterator[Hit]:
    rows = TaskExecution.objects.filter(contains(text)).order_by("-created_at")
    rows = rows.only("id", "phase", "reference", "task_name", "environment_name", "created_at")
    for row in rows[:MOST]:
        name = row.task_name or row.reference or str(row.pk)
        note = f"{formatting.phase_word(row.phase)} · {row.environment_name} · {row.created_at:%Y-%m-%d %H:%M} UTC"
        yield Hit(name, address_of("automations:execution", row.pk), note)


SOURCES = (
    Source(
        title="Tasks", icon="automations", permissions=SEE_TASKS, shortest=2,
        find=_by_reference(TaskSummary, "automations:task"),
    ),
    Source(
        title="Services", icon="automations", permissions=SEE_SERVICES, shortest=2,
        find=_by_reference(ServiceSummary, "automations:service"),
    ),
    Source(title="Executions", icon="play", permissions=EXECUTED, find=_executions),
)  # fmt: skip


def destinations() -> Iterable[Destination]:
    """A plan for each kind of batch."""
    for name, kind in KINDS.items():
        yield Destination(
            kind.many.of_many, f"{reverse('automations:batch-new')}?action={name}", (kind.action.permission,)
        )
