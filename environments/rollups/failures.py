"""What fails, put together by what went wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from environments.models import Environment, Field, Transition
from environments.rollup_models import FailureKind
from portal.web.search import LONGEST, Term, render

from .messages import fingerprint, normalise, pieces

TOP = 12
NAMED = 3  # projects, runners and classes of a cluster that are named
WHERE = {"projects": "project_name", "runners": "runner_name", "classes": "class_name"}
FAILING = Term("is", ("failing",))


@dataclass
class Cluster:
    """Failures that are alike: how many environments, where, and the messages as they came."""

    message: str
    count: int = 0
    first_seen_at: datetime | None = None
    messages: set[str] = field(default_factory=set)
    hit: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in WHERE})

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
    rows = Environment.objects.failing().order_by().values_list("failure", *WHERE.values())
    for message, *names, count in rows.annotate(count=Count("pk")).iterator():
        text = normalised.setdefault(message, "") or normalise(message)
        normalised[message] = text
        cluster = found.setdefault(fingerprint(text), Cluster(text))
        cluster.count += count
        cluster.messages.add(message)
        for name, value in zip(WHERE, names, strict=True):
            cluster.hit[name][value] += count
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
        "hit": {name: _most(counter.items(), len(counter)) for name, counter in cluster.hit.items()},
    }


def _most(counted: Iterable[tuple[str, int]], total: int) -> dict[str, Any]:
    top = sorted(counted, key=lambda pair: (-pair[1], pair[0]))[:NAMED]
    return {"top": top, "more": max(0, total - len(top))}
