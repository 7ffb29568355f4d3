"""What the palette finds of the ledger: operations."""

from __future__ import annotations

from collections.abc import Iterator

from portal.ledger import labels
from portal.ledger.models import Operation
from portal.lists.folding import contains
from portal.palette.sources import MOST, Hit, Person, Source
from portal.web.navigation import address_of


def _operations(text: str, user: Person) -> Iterator[Hit]:
    rows = Operation.objects.filter(contains(text)).newest_first()
    for row in rows.only("id", "action", "target_name", "actor_name", "asked_at", "outcome", "closed_at")[:MOST]:
        label = " ".join(filter(None, (labels.action_words(row.action).capitalize(), row.target_name)))
        note = f"{labels.outcome_word(row)} · {row.actor_name} · {row.asked_at:%Y-%m-%d %H:%M} UTC"
        yield Hit(label, address_of("operations:detail", row.pk), note)


SOURCE = Source(
    title="Operations", icon="operations", permissions=("ledger.view_operation",), find=_operations, rank=90
)
