"""Export of the list of secrets; values are not stored in the portal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from environments.secrets.list import State, chips
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.exports.snapshot import read_within, streamed
from portal.lists.keyset import in_order

COLUMNS = {
    "id": "id", "name": "name", "scope_kind": "scope_kind", "scope_id": "scope_id", "scope": "scope_name",
    "mount_kind": "mount_kind", "mount_target": "mount_target", "proxy_hosts": "proxy_hosts",
    "proxy_header": "proxy_header", "uses": "uses", "reach": "reach", "creator_id": "creator_id",
    "creator": "creator_name", "created_at": "created_at", "value_given_at": "updated_at",
    "first_seen_at": "first_seen_at", "seen_at": "seen_at", "gone_at": "gone_at",
}  # fmt: skip


def secrets(asking: Asking, state: State) -> Export:
    """The secrets of a list, all in its order; read in a snapshot."""
    said = head(asking, filters=chips(state), order=state.place.order, count=state.rows.count())
    return Export("secrets", "Secrets, without their values", said, list(COLUMNS), _rows(state))


def _rows(state: State) -> Iterator[Sequence[Any]]:
    rows = in_order(state.rows, state.place.order).values_list(*COLUMNS.values())
    for batch in read_within(lambda: streamed(rows)):
        for values in batch:
            yield [None if value == "" else value for value in values]
