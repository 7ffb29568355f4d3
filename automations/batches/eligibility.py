"""For how many environments an action is possible, and why not for others, without reading each of them.

What can be done to an environment depends on its phases, and on whether a few moments have passed. Environments that
are alike in that are counted by Postgres, and one of each kind is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, DateTimeField, Q, Value, When

from environments.actions.registry import Action
from environments.models import Environment, EnvironmentQuerySet
from portal.directory.models import Organization

PHASES = ("phase", "desired_phase")
MOMENTS = ("archived_at", "gone_at", "lockdown_at")
Standing = Mapping[str, Any]  # the columns above


def standings(action: Action, environments: EnvironmentQuerySet, now: datetime) -> dict[str, tuple[int, Q]]:
    """Why `action` cannot be done, in words, or "" where it can be: for how many of `environments`, and for which.

    Two queries. An action that asks for more than PHASES and MOMENTS of an environment raises AttributeError.
    """
    organization = Organization.objects.present().order_by("id").first()
    found: dict[str, tuple[int, Q]] = {}
    for standing, count in _alike(environments, now):
        why = action.impossible(_example(standing), organization, now)
        number, those = found.get(why, (0, Q(pk__in=())))
        found[why] = number + count, those | _those(standing, now)
    return found


def _alike(environments: EnvironmentQuerySet, now: datetime) -> Iterator[tuple[Standing, int]]:
    """The number of rows alike; all past times count as one, all future times as another."""
    alike = {
        f"{name}_alike": Case(
            *(When(condition, then=Value(moment)) for moment, condition in _moments(name, now).items() if moment),
            output_field=DateTimeField(),
        )
        for name in MOMENTS
    }
    rows = environments.order_by().annotate(**alike).values(*PHASES, *alike).annotate(count=Count("pk"))
    for *standing, count in rows.values_list(*PHASES, *alike, "count"):
        yield dict(zip((*PHASES, *MOMENTS), standing, strict=True)), count


def _example(standing: Standing) -> Environment:
    """An environment with nothing but these values."""
    names = [field.attname for field in Environment._meta.concrete_fields if field.attname in standing]
    return Environment.from_db(None, names, [standing[name] for name in names])


def _those(standing: Standing, now: datetime) -> Q:
    moments = (_moments(name, now)[standing[name]] for name in MOMENTS)
    return Q(*moments, **{name: standing[name] for name in PHASES})


def _moments(name: str, now: datetime) -> dict[datetime | None, Q]:
    passed, ahead = Q(**{f"{name}__lte": now}), Q(**{f"{name}__gt": now})
    return {None: Q(**{name: None}), now: passed, now + timedelta(days=1): ahead}
