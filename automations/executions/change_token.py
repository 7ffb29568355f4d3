"""Whether services, tasks or executions have changed since a page was made, answered from an index alone."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Max, Subquery, Value

from automations.models import Automation

# Longer than a transaction of the sync stays open: a row committed late is older than the newest, but not by this much.
WINDOW = timedelta(seconds=10)


def revision(model: type[Automation]) -> str:
    """A text that is another one after any change of the model's rows; one query over its index on `changed_at`.

    As `environments.list.change_token`: the number of rows next to the newest tells of one committed after it.
    """
    newest = model.objects.order_by("-changed_at").values("changed_at")[:1]
    recent = model.objects.filter(changed_at__gt=Subquery(newest) - Value(WINDOW))
    found = recent.aggregate(newest=Max("changed_at"), count=Count("*"))
    return f"{found['newest'].timestamp():.6f}-{found['count']}" if found["newest"] else "0"
