"""What is not in order with the members, projects and runners that a table names: {% load standing %}."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from django import template

from environments.as_of import recorded
from portal.web.names import Standings

register = template.Library()


@register.simple_tag
def standings(rows: Sequence[Any], *attributes: str) -> Standings:
    """For the tag `named`, of the ids in these attributes of the rows; one query. Unknown in the past."""
    ids = [attrgetter(*attributes)(row) for row in rows]
    return recorded.standings(identity for each in ids for identity in (each if len(attributes) > 1 else (each,)))
