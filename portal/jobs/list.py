"""The list of background jobs: a person's own, or everybody's for those who oversee them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q
from django.http import HttpRequest

from portal.jobs.kinds import KINDS
from portal.jobs.models import SEE, Job, JobState
from portal.jobs.results import has_result
from portal.lists.change_token import changed_rows
from portal.lists.completion import among
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.filters import Conditional, Filter, any_of, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import word_of
from portal.lists.search import Key, OneOf, Search, keys, listed, same

TONES = {
    JobState.WAITING: "gray", JobState.RUNNING: "blue", JobState.SUCCEEDED: "green", JobState.FAILED: "red",
    JobState.CANCELLED: "gray",
}  # fmt: skip
STATES = {str(state.value): str(state.label) for state in JobState}
BY_STATE = {state: Q(state=state) for state in STATES}
COLUMNS = {
    name: name
    for name in (
        "id", "kind", "words", "state", "requested_at", "began_at", "ended_at", "attempts", "step", "done", "total",
        "cancelled_at", "cancelled_by", "why", "file_name", "media_type", "size", "expires_at",
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as pages show it. `percent` is None if it is unknown how much there is to do."""

    job: Job
    label: str
    tone: str
    percent: int | None
    has_result: bool


def row_of(job: Job) -> JobRow:
    """A job as pages show it."""
    kind = KINDS.get(job.kind)
    percent = min(100, 100 * job.done // job.total) if job.total else None
    return JobRow(job, kind.label if kind else job.kind, TONES[JobState(job.state)], percent, has_result(job))


def _display(jobs: Sequence[Job], query: ListQuery, request: HttpRequest) -> list[JobRow]:
    return [row_of(job) for job in jobs]


def _seen_by(jobs: Any, user: Any) -> Any:
    return jobs.seen_by(user)


def _contains(text: str) -> Q:
    return Q(words__says=text) | Q(owner__username__says=text)


JOBS = List(
    name="jobs",
    page_url="jobs:list",
    facets_url="jobs:facets",
    title="Background jobs",
    one="background job",
    many="background jobs",
    model=Job,
    permissions=(SEE,),
    # read from job_of_owner, or job_newest for everybody's, in both directions
    sorts=(Sort("requested", "Requested", F("requested_at"), None, first_click_descends=True),),
    default_order="-requested",
    search=Search(
        keys(
            Key("state", listed(STATES), "state:failed", OneOf(BY_STATE), among(*STATES), same("state")),
        ),
        _contains,
        places="what is made and the names of people",
        placeholder="Words, or state:failed",
    ),
    filters=(
        Filter("state", "State", any_of(BY_STATE), word_of(STATES), words_of(STATES),
               facet=Conditional(lambda chosen: BY_STATE)),
    ),
    facets=("state",),
    panel=("state",),
    read=lambda jobs: jobs.select_related("owner"),
    display=_display,
    seen_by=_seen_by,
    change_token=changed_rows(Job),
    headings=(
        Heading("job-what", "What"),
        Heading("", "By"),
        Heading("", "Requested", "requested"),
        Heading("", "State"),
        Heading("", "Result"),
    ),
    template="jobs/list.html",
    rows_template="jobs/_rows.html",
    css="job-list",
    table=Table(
        name="jobs",
        title="Background jobs",
        columns=COLUMNS | {"requested_by": "owner__username"},
    ),
    detail=lambda job: {},
)  # fmt: skip
