"""Failing environments grouped by cause."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from environments.list.failure_messages import fingerprint, normalize
from environments.models import Environment, EnvironmentQuerySet, Field, Transition
from environments.models.flags import FLAGS
from environments.models.overview import FailureKind
from portal.lists.readers import NONE

TOP = 12
NAMED = 3  # projects, runners and classes named per cluster
# name column, id column, and the list's parameter for the ids
AFFECTED = {
    "projects": ("project_name", "project_id", "project"),
    "runners": ("runner_name", "runner_id", "runner"),
    "classes": ("class_name", "class_id", "class"),
}
COLUMNS = [column for name, identity, _ in AFFECTED.values() for column in (name, identity)]
QUERY = "is:failing,failed"  # the environments that are counted here


@dataclass
class Cluster:
    """Failures with equal messages but for numbers, ids and paths: how many environments, where (by name, with the
    ids of that name), and their messages."""

    message: str
    count: int = 0
    first_seen_at: datetime | None = None
    messages: set[str] = field(default_factory=set)
    hit: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in AFFECTED})
    ids: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))


def part(at: datetime) -> dict[str, Any]:
    """The most frequent failures, and how many kinds and environments there are in total."""
    found = clusters(at)
    _record_first_seen(found, at)
    ranked = sorted(found.items(), key=lambda pair: (-pair[1].count, pair[1].message))
    shown = [_as_json(key, each) for key, each in ranked[:TOP]]
    return {"kinds": len(ranked), "environments": sum(each.count for each in found.values()), "clusters": shown}


def clusters(at: datetime, environments: EnvironmentQuerySet | None = None) -> dict[str, Cluster]:
    """The environments (all, or of these) that fail, now or at their last start, by fingerprint of their message; one
    query."""
    found: dict[str, Cluster] = {}
    rows = _counted(at, environments).order_by().values_list("failure", *COLUMNS)
    for message, *where, count in rows.annotate(count=Count("pk")).iterator():
        text = normalize(message)
        cluster = found.setdefault(fingerprint(text), Cluster(text))
        cluster.count += count
        cluster.messages.add(message)
        for name, value, identity in zip(AFFECTED, where[::2], where[1::2], strict=True):
            cluster.hit[name][value] += count
            cluster.ids[name, value].add(str(identity or NONE))
    return found


def _counted(at: datetime, environments: EnvironmentQuerySet | None = None) -> EnvironmentQuerySet:
    with_failure = (Environment.objects.all() if environments is None else environments).with_failure()
    return with_failure.filter(FLAGS["failing"].condition(at) | FLAGS["failed"].condition(at))


def _record_first_seen(found: dict[str, Cluster], at: datetime) -> None:
    """Record when each kind was first observed: later, none of those environments may be failing any more."""
    recorded = FailureKind.objects.in_bulk(list(found))
    new = {message: key for key, each in found.items() if key not in recorded for message in each.messages}
    first = {key: kind.first_seen_at for key, kind in recorded.items()}
    for message, seen_at in _first_seen_times(at) if new else ():
        if key := new.get(message):
            first[key] = min(first.get(key, seen_at), seen_at)
    for key, cluster in found.items():
        cluster.first_seen_at = first.get(key, at)
    FailureKind.objects.bulk_create(
        [FailureKind(pk=key, message=each.message, first_seen_at=first.get(key, at), last_seen_at=at)
         for key, each in found.items()],
        update_conflicts=True, unique_fields=["fingerprint"], update_fields=["last_seen_at"],
    )  # fmt: skip


def _first_seen_times(at: datetime) -> Iterator[tuple[str, datetime]]:
    """Each present failure, and when it was first observed: at its last change, or at the first observation."""
    changes = Transition.objects.filter(environment=OuterRef("pk"), field=Field.FAILURE).order_by("-seen_at", "-id")
    seen_at = Coalesce(Subquery(changes.values("seen_at")[:1]), "first_seen_at")
    return _counted(at).order_by().annotate(at=seen_at).values_list("failure", "at").iterator()


def _as_json(key: str, cluster: Cluster) -> dict[str, Any]:
    return {
        "key": key,
        "message": cluster.message,
        "count": cluster.count,
        "variants": len(cluster.messages),
        "first_seen_at": cluster.first_seen_at and cluster.first_seen_at.isoformat(),
        "hit": {name: _most(cluster, name) for name in AFFECTED},
    }


def _most(cluster: Cluster, name: str) -> dict[str, Any]:
    """The names with the most failures, each with its count and ids."""
    counted = cluster.hit[name]
    top = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:NAMED]
    rows = [[value, count, *sorted(cluster.ids[name, value])] for value, count in top]
    return {"top": rows, "more": len(counted) - len(top)}
