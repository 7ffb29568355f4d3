"""Whether the environments have changed since a page was made, answered from an index alone."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Max, Subquery, Value

from environments.as_of import clock
from environments.models import Environment

# Longer than a transaction of the sync stays open: a row committed late is older than the newest, but not by this much.
WINDOW = timedelta(seconds=10)


def revision() -> str:
    """A text that is another one after any change of the environments; one query over an index on `changed_at`.

    The newest `changed_at` alone would miss a change that was stamped before another but committed after it, so the
    number of rows next to the newest is part of it.
    """
    return clock.change_token(_newest)


def _newest() -> str:
    newest = Environment.objects.order_by("-changed_at").values("changed_at")[:1]
    recent = Environment.objects.filter(changed_at__gt=Subquery(newest) - Value(WINDOW))
    found = recent.aggregate(newest=Max("changed_at"), count=Count("*"))
    return f"{found['newest'].timestamp():.6f}-{found['count']}" if found["newest"] else "0"
