"""The bar on pages that can show a past moment: which moment it is, what was observed then, and the way to another."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from environments.as_of.clock import written
from environments.as_of.context import observed
from portal.lists.place import Pair, Place


def pairs(moment: datetime | None) -> list[Pair]:
    """The moment as part of an address; nothing for now."""
    return [("as_of", written(moment))] if moment else []


def bar(moment: datetime | None, place: Place | None = None) -> dict[str, Any]:
    """The context of templates/environments/audit/_moment.html; two queries for a past moment, none for now."""
    filters = place.filters if place else ()
    return {
        "moment": moment,
        "moment_value": f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}" if moment else "",
        "moment_text": written(moment) if moment else "",
        "clear": f"?{urlencode(pairs(moment))}" if moment else "",
        "moment_pairs": [pair for pair in filters if pair[0] != "as_of"],
        "observed": observed(moment) if moment else None,
        "now_url": place.only("as_of", "") if place else "?",
    }
