"""When an archived environment is deleted by policy, at the latest: its owner may have chosen an earlier time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db.models import Case, DateTimeField, DurationField, ExpressionWrapper, F, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, NullIf

from environments.policies.policy import Policy, versions_at
from environments.policies.verdict import NOT_DELETED, Facts, present, utc

ARCHIVED = NOT_DELETED & Q(archived_at__isnull=False)
SINCE = F("archived_at")  # what the policy counts from, of these
_LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
_NEVER = Value(timedelta(0), output_field=DurationField())


def due(facts: Facts, policy: Policy | None) -> datetime | None:
    """The latest time; None where it is not archived or is deleted, or the policy deletes nothing or is unknown."""
    if policy is None or not policy.delete_after or facts.is_deleted or facts.archived_at is None:
        return None
    return facts.archived_at + policy.delete_after


def due_before(at: datetime, delete_after: timedelta | Subquery) -> Q:
    """Those with a `due` before `at`, among rows that are present."""
    after = Value(delete_after) if isinstance(delete_after, timedelta) else delete_after
    archived_before = ExpressionWrapper(Value(at) - after, output_field=DateTimeField())
    return ARCHIVED & Q(archived_at__lt=Coalesce(archived_before, Value(_LONG_AGO)))


def delete_after_at(at: datetime) -> Subquery:
    """`Policy.delete_after` as known at a time, looked up once in the query itself; NULL where nothing is deleted."""
    return Subquery(versions_at(at).values(after=NullIf("delete_archived_environments_after", _NEVER))[:1])


def due_at(now: datetime) -> Case:
    """`due` as an expression, by the policy as known at that time; NULL where it is None."""
    at = ExpressionWrapper(SINCE + delete_after_at(now), output_field=DateTimeField())
    return Case(When(present(ARCHIVED), then=at), output_field=DateTimeField())


def words(at: datetime) -> str:
    return f"by {utc(at)} at the latest"
