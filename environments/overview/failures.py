"""What fails, put together by what went wrong."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from environments.models import Environment, Field, Transition
from environments.models.overview import FailureKind
from portal.lists.readers import NONE
from portal.lists.search import LONGEST, Term, render

from .failure_messages import fingerprint, normalise, pieces

TOP = 12
NAMED = 3  # projects, runners and classes of a cluster that are named
# of each: the columns that hold name and id, and the parameter of the list that narrows it to ids
WHERE = {
    "projects": ("project_name", "project_id", "project"),
    "runners": ("runner_name", "runner_id", "runner"),
    "classes": ("class_name", "class_id", "class"),
}
COLUMNS = [column for name, identity, _ in WHERE.values() for column in (name, identity)]
FAILING = Term("is", ("failing",))


@dataclass
class Cluster:
    """Failures that are alike: how many environments, where (by name, and the ids of that name), and the messages."""

    message: str
    count: int = 0
    first_seen_at: datetime | None = None
    messages: set[str] = field(default_factory=set)
    hit: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in WHERE})
    ids: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def query(self) -> str:
        """The search that finds them."""
        return render([FAILING, *(Term("", (piece,)) for piece in pieces(self.message, self.messages))])[:LONGEST]


def part(at: datetime) -> dict[str, Any]:
    """The most frequent failures now, and how many kinds and environments there are in all."""
    found = clusters()
    _note_first_seen(found, at)
    ranked = sorted(found.values(), key=lambda each: (-each.count, each.message))
    shown = [_as_json(each) for each in ranked[:TOP]]
    return {"kinds": len(ranked), "environments": sum(each.count for each in ranked), "clusters": shown}


def clusters() -> dict[str, Cluster]:
    """The failing environments that are not gone, by fingerprint of their message; one query."""
    found: dict[str, Cluster] = {}
    normalised: dict[str, str] = {}
    rows = Environment.objects.failing().order_by().values_list("failure", *COLUMNS)
    for message, *where, count in rows.annotate(count=Count("pk")).iterator():
        text = normalised.setdefault(message, "") or normalise(message)
        normalised[message] = text
        cluster = found.setdefault(fingerprint(text), Cluster(text))
        cluster.count += count
        cluster.messages.add(message)
        for name, value, identity in zip(WHERE, where[::2], where[1::2], strict=True):
            cluster.hit[name][value] += count
            cluster.ids[name, value].add(str(identity or NONE))
    return found


def _note_first_seen(found: dict[str, Cluster], at: datetime) -> None:
    """Keep when each kind was seen first: long after, nothing of it may be failing any more."""
    known = FailureKind.objects.in_bulk(list(found))
    new = {message: key for key, each in found.items() if key not in known for message in each.messages}
    first = {key: kind.first_seen_at for key, kind in known.items()}
    for message, seen_at in _first_sights() if new else ():
        if key := new.get(message):
            first[key] = min(first.get(key, seen_at), seen_at)
    for key, cluster in found.items():
        cluster.first_seen_at = first.get(key, at)
    FailureKind.objects.bulk_create(
        [FailureKind(pk=key, message=each.message, first_seen_at=first.get(key, at), last_seen_at=at)
         for key, each in found.items()],
        update_conflicts=True, unique_fields=["fingerprint"], update_fields=["last_seen_at"],
    )  # fmt: skip


def _first_sights() -> Iterator[tuple[str, datetime]]:
    """Each failure there is now, and when the portal saw it: at the last change of it, or at the first look."""
    changes = Transition.objects.filter(environment=OuterRef("pk"), field=Field.FAILURE).order_by("-seen_at", "-id")
    seen_at = Coalesce(Subquery(changes.values("seen_at")[:1]), "first_seen_at")
    return Environment.objects.failing().order_by().annotate(at=seen_at).values_list("failure", "at").iterator()


def _as_json(cluster: Cluster) -> dict[str, Any]:
    return {
        "message": cluster.message,
        "count": cluster.count,
        "variants": len(cluster.messages),
        "first_seen_at": cluster.first_seen_at and cluster.first_seen_at.isoformat(),
        "query": cluster.query,
        "hit": {name: _most(cluster, name) for name in WHERE},
    }


def _most(cluster: Cluster, name: str) -> dict[str, Any]:
    """The names with the most failures, each with its count and its ids."""
    counted = cluster.hit[name]
    top = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))[:NAMED]
    told = [[value, count, *sorted(cluster.ids[name, value])] for value, count in top]
    return {"top": told, "more": len(counted) - len(top)}
