"""Why an environment failed: which part, what it said, since when, since which start, and where its log is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from environments.activity.starters import find_starters
from environments.detail import own_log
from environments.detail.sections import components, messages
from environments.documents.json_part import Document
from environments.list.failure_messages import fingerprint, normalize
from environments.list.filters import of_failure_kinds
from environments.models import Environment, Field, Transition
from environments.models.flags import FLAGS

ALIKE = "is:failing,failed"  # the environments that the overview counts by kind of failure


@dataclass(frozen=True, slots=True)
class FailedPart:
    """A part of an environment and what it said; the name is empty for what no part repeats."""

    name: str
    messages: list[str]


@dataclass(frozen=True, slots=True)
class Failure:
    """`by` is when it was first observed, `after` the observation before; `log` has links by label, else `no_log`."""

    is_failing: bool
    parts: list[FailedPart]
    after: datetime | None
    by: datetime
    started_at: datetime | None
    started_by: str
    others: int
    others_url: str
    log: list[tuple[str, str]]
    no_log: str

    @property
    def title(self) -> str:
        names = [part.name for part in self.parts if part.name]
        what = " and ".join(name if place == 0 else name.lower() for place, name in enumerate(names)) or "Environment"
        return f"{what} failed" if self.is_failing else f"{what} failed at the last start"


def find_failure(environment: Environment, user: Any, now: datetime) -> Failure | None:
    """None if no part reports a failure, or it is deleted; about six queries."""
    document = Document(environment)
    parts = [FailedPart(part.name, part.failures) for part in components(document) if part.failures]
    rest, _ = messages(document)
    parts += [FailedPart("", rest)] if rest else []
    if not parts or environment.gone_at:
        return None
    after, by = _since(environment)
    others, url = _others(environment, now)
    log, no_log = own_log.links(environment, user)
    return Failure(
        is_failing=_is_failing(environment, now), parts=parts, after=after, by=by,
        started_at=environment.last_started_at, started_by=find_starters([environment]).get(environment.pk, ""),
        others=others, others_url=url, log=log, no_log=no_log,
    )  # fmt: skip


def _is_failing(environment: Environment, now: datetime) -> bool:
    """Whether somebody waits for it, by the condition that lists and counts have."""
    return Environment.objects.filter(FLAGS["failing"].condition(now), pk=environment.pk).exists()


def _since(environment: Environment) -> tuple[datetime | None, datetime]:
    """When its failure was first observed: at the newest change to it, else at the first observation."""
    changes = Transition.objects.of(environment).filter(field=Field.FAILURE).exclude(new="")
    found = changes.values_list("old_seen_at", "seen_at").first()
    return found or (None, environment.first_seen_at)


def _others(environment: Environment, now: datetime) -> tuple[int, str]:
    """How many others fail like this, and the list of exactly those."""
    if not environment.failure:
        return 0, ""
    kind = fingerprint(normalize(environment.failure))
    alike = Environment.objects.present().filter(of_failure_kinds((kind,)))
    alike = alike.filter(FLAGS["failing"].condition(now) | FLAGS["failed"].condition(now))
    query = urlencode({"q": f"{ALIKE} -id:{environment.pk}", "failure": kind})
    return alike.exclude(pk=environment.pk).count(), f"{reverse('environments:list')}?{query}"
