"""Tasks and services by reference as tables, and the environments that have one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from automations.by_reference import list as by_reference_list
from automations.by_reference import occurrences
from automations.by_reference.list import Listed
from automations.by_reference.occurrences import Having
from automations.models import AutomationQuerySet
from environments.list.exports import word
from portal.exports.download import Asking, head
from portal.exports.formats import Export
from portal.exports.snapshot import read_within, streamed
from portal.lists.keyset import Order, in_order
from portal.lists.place import Place

COUNTED = {
    "reference": "reference", "name": "name", "environments": "environments", "failed": "failed",
    "failed_share": "failed_share",
}  # fmt: skip
OF_TASKS = COUNTED | {
    "ended": "ended", "under_way": "under_way", "median_seconds": "median", "p95_seconds": "p95",
    "last_run_at": "last_run_at", "newest_runs": "marks", "computed_at": "computed_at",
}  # fmt: skip
OF_SERVICES = COUNTED | {
    "running": "running", "phases": "phases", "failures": "failures", "computed_at": "computed_at"
}  # fmt: skip
SUMMED = {"tasks": OF_TASKS, "services": OF_SERVICES}
WHERE = {
    "id": "id", "reference": "reference", "name": "name", "environment_id": "environment_id",
    "environment": "environment_name", "project_id": "project_id", "project": "project_name", "owner_id": "owner_id",
    "owner": "owner_name",
}  # fmt: skip
OF_TASK = WHERE | {"last_phase": "last_phase", "last_run_at": "last_run_at", "last_execution_id": "last_execution_id"}
OF_SERVICE = WHERE | {"phase": "phase", "failure": "failure"}
MEANS = {
    "tasks": "failed are runs among the ended ones of the last 7 days; durations are of the last 30 days' good runs.",
    "services": "failed are environments in which the service is in that phase.",
}


def summed(asking: Asking, listed: Listed, place: Place) -> Export:
    """Every reference that meets the conditions, in the list's order, as the sync last counted them."""
    found, columns = by_reference_list.rows_at(listed, place), SUMMED[listed.things]
    said = head(asking, filters=by_reference_list.chips(place), order=place.order, count=found.count())
    said |= {"counted_at": by_reference_list.newest(listed.model), "note": MEANS[listed.things]}
    title = f"{listed.things.capitalize()} by reference"
    return Export(listed.things, title, said, list(columns), _rows(found, place.order, columns))


def having(asking: Asking, has: Having, reference: str, place: Place) -> Export:
    """What has this reference, environment by environment, in the list's order."""
    present: AutomationQuerySet = has.rows.filter(reference=reference)
    found = present.filter(occurrences.asked(has, place))
    chips = occurrences.chips(place, occurrences.projects_of(present))
    said = {"reference": reference}
    said |= head(asking, filters=chips, order=place.order, count=found.order_by().count())
    kind, columns = ("task", OF_TASK) if has is occurrences.TASKS else ("service", OF_SERVICE)
    title = f"Environments with the {kind} {reference}"
    return Export(f"{kind}-{reference}", title, said, list(columns), _rows(found, place.order, columns))


def _rows(found: Any, order: Order, columns: Mapping[str, str]) -> Iterator[Sequence[Any]]:
    rows = in_order(found, order).values_list(*columns.values())
    phases = [place for place, name in enumerate(columns) if name in ("phase", "last_phase")]
    for piece in read_within(lambda: streamed(rows)):
        for values in piece:
            row = [None if value == "" else value for value in values]
            for place in phases:
                row[place] = word(row[place])
            yield row
