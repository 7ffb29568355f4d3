"""What belongs to a member, project, runner or class: counts, each with the address of exactly its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.urls import reverse
from django.utils.http import urlencode

from environments.directory_pages.nouns import NOUNS, Subject
from environments.list.names import names_of
from environments.models import Environment, EnvironmentQuerySet
from environments.overview import failure_causes, presentation, running_time
from environments.overview.alerts import CONDITIONS
from environments.overview.counts import count_conditions
from environments.overview.presentation import Figure, list_url
from environments.overview.running_time import Day
from portal.directory.models import EnvironmentClass
from portal.lists.declaration import List
from portal.lists.readers import NONE
from portal.web.charts.bars import Bar, scaled
from portal.web.navigation import address_of

PLAIN = ("archived", "unpushed", "not-in-sync", "never-stops", "locked-down")  # beside the phases
TOP = 5
May = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Source:
    """What else belongs to some kinds, for those who have the permissions: its figures, the first of them all of it."""

    name: str
    title: str
    permissions: tuple[str, ...]
    kinds: tuple[str, ...]
    figures: Callable[[Subject], list[Figure]]


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one source."""

    name: str
    title: str
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class Failures:
    """The most frequent messages of failing environments, and how many kinds there are."""

    kinds: int
    figures: list[Figure]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The entries of another kind that share most environments with the subject."""

    kind: str
    title: str
    bars: list[Bar]


SOURCES: list[Source] = []  # each app's `registration` adds its own


def narrowed(listing: List, **query: str) -> str:
    """The address of a list with these parameters."""
    return f"{reverse(listing.page_url)}?{urlencode(query)}"


def environments_of(subject: Subject) -> EnvironmentQuerySet:
    """The present ones."""
    return Environment.objects.present().filter(**{subject.noun.column: subject.identity}).order_by()


def environment_figures(subject: Subject, now: datetime, may: May) -> tuple[list[Figure], list[Figure]]:
    """All, by phase, and in what else is plain; and what needs attention, most urgent first. Four queries."""
    of = {subject.noun.kind: str(subject.identity)}
    environments = environments_of(subject)
    counts = {
        "condition": count_conditions(now, environments),
        "phase": dict(environments.values_list("phase").annotate(count=Count("pk"))),
    }
    deleted = Environment.objects.filter(gone_at__isnull=False, **{subject.noun.column: subject.identity}).count()
    plain = [presentation.figure(CONDITIONS[name], counts, of) for name in PLAIN]
    shown = [*presentation.phases(counts, of), *(each for each in plain if each.count)]
    gone = [Figure("deleted", "deleted", deleted, list_url(**of, gone="only"))] if deleted else []
    attention = [each for each in presentation.attention(counts, may, of) if each.count]
    return [presentation.figure(CONDITIONS["total"], counts, of), *shown, *gone], attention


def failures(subject: Subject, now: datetime) -> Failures:
    """Environments that fail, now or at their last start, by cause; one query."""
    clusters = failure_causes.clusters(now, environments_of(subject))
    ranked = sorted(clusters.items(), key=lambda pair: (-pair[1].count, pair[1].message))
    of = {subject.noun.kind: str(subject.identity)}
    figures = [
        Figure(key, each.message, each.count, list_url(q=failure_causes.QUERY, failure=key, **of))
        for key, each in ranked[:TOP]
    ]
    return Failures(len(ranked), figures)


def running_days(subject: Subject) -> list[Day]:
    """How long its environments ran on each of the last days. That of a runner is the sum over its classes."""
    if subject.noun.kind != "runner":
        return running_time.days_of(subject.noun.kind, str(subject.identity))
    classes = EnvironmentClass.objects.filter(runner_id=subject.identity).values_list("pk", flat=True)
    return running_time.days_of("class", *map(str, classes))


def rankings(subject: Subject) -> list[Ranking]:
    """Of each other kind the entries with most of its environments; at most three queries each."""
    return [_ranking(subject, kind) for kind in NOUNS if kind != subject.noun.kind]


def _ranking(subject: Subject, kind: str) -> Ranking:
    other, of = NOUNS[kind], {subject.noun.kind: str(subject.identity)}
    counted = environments_of(subject).values_list(other.column).annotate(count=Count("pk"))
    rows = [(str(key) if key else NONE, key, count) for key, count in counted.order_by("-count", other.column)[:TOP]]
    names = names_of(kind)([text for text, _, _ in rows])
    bars = [
        Bar(
            names[text], address_of(f"directory:{kind}", key) if key else "", f"{count:,}",
            list_url(**of, **{kind: text}), count, title="environments",
        )
        for text, key, count in rows
    ]  # fmt: skip
    return Ranking(kind, other.folder.capitalize(), scaled(bars))


def groups(subject: Subject, may: Callable[[Sequence[str]], bool]) -> list[Group]:
    """What other tables hold of it, as far as the reader may see them."""
    return [
        Group(source.name, source.title, source.figures(subject))
        for source in SOURCES
        if subject.noun.kind in source.kinds and may(source.permissions)
    ]
