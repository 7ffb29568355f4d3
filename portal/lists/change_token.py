"""Change tokens: whether the rows of a list have changed since a page was rendered, from an index alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db.models import Count, Max, Model, Subquery, Value

# Longer than a transaction of the sync stays open: a row committed late is older than the newest, but not by this much.
WINDOW = timedelta(seconds=10)


def changed_rows(model: type[Model]) -> Callable[..., str]:
    """A text that is another one after any change of the model's rows; one query over its index on `changed_at`.

    The newest `changed_at` alone would miss a change that was stamped before another but committed after it, so the
    number of rows next to the newest is part of it.
    """

    def token(**of: object) -> str:
        rows = model._default_manager.all()
        newest = rows.order_by("-changed_at").values("changed_at")[:1]
        recent = rows.filter(changed_at__gt=Subquery(newest) - Value(WINDOW))
        found = recent.aggregate(newest=Max("changed_at"), count=Count("*"))
        return f"{found['newest'].timestamp():.6f}-{found['count']}" if found["newest"] else "0"

    return token


def newest(model: type[Model], column: str) -> Callable[..., str]:
    """The newest value of a column; enough where all rows are written at once."""

    def token(**of: object) -> str:
        found = model._default_manager.order_by(f"-{column}").values_list(column, flat=True).first()
        return found.isoformat() if found else "none"

    return token
