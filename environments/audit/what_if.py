"""Policy simulation: each question is a number, and its answer is which environments, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Case, DateTimeField, F, Q, Value, When
from django.db.models import Count as Number
from django.db.models.expressions import Combinable
from django.http import QueryDict
from django.urls import reverse

from environments.models import Environment, EnvironmentQuerySet
from environments.policies import archiving, deletion
from environments.policies.policy import Policy
from environments.policies.verdict import NOT_DELETED
from portal.web.charts.chart import Chart, Point, Series

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LISTED = 10
# at once, and within so long from now, by the word in addresses
SPANS = {
    "now": ("at once", timedelta(0)), "24h": ("within 24 h", DAY), "7d": ("within 7 days", 7 * DAY),
    "30d": ("within 30 days", 30 * DAY),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """`unit` is what the number counts; `rows` tells which environments another policy reaches, `since` what their time
    counts from, and `present` their time under the present policy, None where there is none. `apart` are those that it
    does not reach, although it names no exception. `examples` are numbers to try."""

    label: str
    unit: timedelta
    least: int
    most: int
    means: str
    rows: Callable[[timedelta], EnvironmentQuerySet]
    since: Combinable
    present: Callable[[Policy | None], Combinable | None]
    examples: tuple[int, ...]
    apart: Callable[[], EnvironmentQuerySet] = Environment.objects.none

    @property
    def unit_word(self) -> str:
        return "days" if self.unit == DAY else "hours"


@dataclass(frozen=True, slots=True)
class Hit:
    """One environment, and when."""

    environment: Environment
    at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """How many are hit within a time, how many of them with unpushed work; `url` is the query of the page that lists
    them. `before` is how many the present policy hits by then; None if it hits none or is unknown."""

    words: str
    count: int
    lost: int
    url: str
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`counts` are cumulative: how many at once, within a day and so on; `unknown` is of how many it cannot be told,
    and `apart` the number of those that are out of its reach."""

    name: str
    question: Question
    value: int
    counts: list[Count]
    total: int
    unknown: int
    hits: list[Hit]
    apart: int = 0

    @property
    def url(self) -> str:
        """The query of the page that lists all of them."""
        return address(self.name, self.value)

    @property
    def chart(self) -> Chart:
        """How many by when, under the present policy, if there is one, and under the proposed one."""
        has_present = any(count.before is not None for count in self.counts)
        page, names = reverse("audit:what-if-environments"), ("present", "proposed") if has_present else ("proposed",)
        points = [
            Point(
                count.words, [count.before or 0, count.count] if has_present else [count.count], count.words,
                f"{page}{count.url}" if count.count else "",
            )
            for count in self.counts
        ]  # fmt: skip
        summary = f"Affected, of {self.total:,}, under the {' and the '.join(names)} policy."
        series = [Series(name) for name in names]
        return Chart(f"what-if-{self.name}", self.question.label, summary, series, points, "When", compares=True)


def _longer(limit: timedelta) -> EnvironmentQuerySet:
    return Environment.objects.running().filter(Q(never_stops=True) | Q(timeout__gt=limit))


QUESTIONS = {
    "lifetime": Question(
        "Maximum lifetime", DAY, 1, 365,
        "If every environment had this maximum lifetime from its creation on: when it would be locked down. At Ona a "
        "changed policy applies to new environments only.",
        lambda _: Environment.objects.present().filter(NOT_DELETED, archived_at=None),
        F("created_at"),
        lambda _: F("lockdown_at"),
        (30, 90),
        lambda: Environment.objects.present().filter(deletion.ARCHIVED),
    ),
    "timeout": Question(
        "Maximum timeout", HOUR, 1, 24 * 30,
        "Running environments that stop later or never: when they would stop if nobody used them any more.",
        _longer,
        F("last_used_at"),
        lambda _: Case(When(never_stops=False, then=F("last_used_at") + F("timeout")), output_field=DateTimeField()),
        (2, 8),
    ),
    "archive": Question(
        "Archive after", DAY, 1, 30,
        "Stopped environments: when they would be archived.",
        lambda _: Environment.objects.present().filter(archiving.STOPPED),
        archiving.SINCE,
        lambda policy: archiving.SINCE + Value(policy.archive_after) if policy else None,
        (7, 14),
    ),
    "delete": Question(
        "Delete archived after", DAY, 1, 28,
        "Archived environments: when they would be deleted.",
        lambda _: Environment.objects.present().filter(deletion.ARCHIVED),
        deletion.SINCE,
        lambda policy: deletion.SINCE + Value(policy.delete_after) if policy and policy.delete_after else None,
        (7, 28),
    ),
}  # fmt: skip


class WhatIfForm(forms.Form):
    """A number per policy; empty ones are not simulated."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data or None)
        for name, question in QUESTIONS.items():
            self.fields[name] = forms.IntegerField(
                label=f"{question.label}, {question.unit_word}",
                min_value=question.least,
                max_value=question.most,
                required=False,
                help_text=f"{question.least} to {question.most}",
                widget=forms.NumberInput(attrs={"class": "form-control"}),
            )

    def asked(self) -> dict[str, int]:
        """The numbers that were given and made sense."""
        if not self.is_bound:
            return {}
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value is not None}


def questions_of(data: QueryDict) -> dict[str, int]:
    """The questions of an address that make sense: the one whose environments it lists, or those of the form."""
    name = data.get("question", "")
    return WhatIfForm({name: data.get("value", "")} if name else data).asked()


def reached(name: str, value: int) -> EnvironmentQuerySet:
    """Environments that a policy of `value` units applies to, with `since` and `hit_at`; None if unknown."""
    question = QUESTIONS[name]
    limit = value * question.unit
    return question.rows(limit).annotate(since=question.since, hit_at=question.since + Value(limit))


def answer(name: str, value: int, now: datetime, policy: Policy | None) -> Answer:
    """The environments that a policy of `value` units would affect, in four queries; the first ones with columns."""
    question, rows = QUESTIONS[name], reached(name, value)
    asked: dict[str, Number] = {}
    present = question.present(policy)
    if present is not None:
        rows = rows.annotate(present_at=present)
    for span in SPANS:
        soon = within(span, now)
        asked |= {f"hit_{span}": Number("pk", filter=soon), f"lost_{span}": Number("pk", filter=soon & _UNPUSHED)}
        if present is not None:
            asked[f"before_{span}"] = Number("pk", filter=Q(present_at__lte=now + SPANS[span][1]))
    found = rows.order_by().aggregate(total=Number("pk"), unknown=Number("pk", filter=Q(hit_at=None)), **asked)
    counts = [
        Count(
            words, found[f"hit_{span}"], found[f"lost_{span}"], address(name, value, span), found.get(f"before_{span}")
        )
        for span, (words, _) in SPANS.items()
    ]
    first = rows.filter(Q(since__isnull=False)).for_list().order_by(F("since").asc(), "pk")[:LISTED]
    return Answer(
        name, question, value, counts, found["total"], found["unknown"], hits(first), question.apart().count()
    )


def within(span: str, now: datetime) -> Q:
    """Those of `reached` that are hit by then; all for no span."""
    return Q(hit_at__lte=now + SPANS[span][1]) if span else Q()


def hits(rows: Iterable[Environment]) -> list[Hit]:
    """Of rows of `reached`."""
    return [Hit(row, getattr(row, "hit_at")) for row in rows]  # noqa: B009 (an annotation, not a field)


def address(name: str, value: int, span: str = "") -> str:
    """The query of the page that lists the environments a question affects."""
    pairs = [("question", name), ("value", str(value)), ("within", span)]
    return f"?{urlencode([pair for pair in pairs if pair[1]])}"


_UNPUSHED = Q(unpushed_work=True)
