"""The list of the access log: who came in, was refused, changed rights, read and downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import F
from django.http import HttpRequest
from django.urls import reverse

from portal.ledger.access_log.filters import FILTERS, KINDS, OUTCOMES, SEARCH
from portal.ledger.models import AccessEntry
from portal.lists.declaration import Heading, List, ListQuery, Table
from portal.lists.keyset import Sort
from portal.lists.period import SPANS

READ = "ledger.read_access_log"
COLUMNS = (
    "at", "kind", "outcome", "actor_id", "actor_name", "token", "address", "browser", "subject", "environment_id",
    "why", "before", "after",
)  # fmt: skip

_BOUNDARIES = re.compile(r"_|(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class AccessRow:
    """An entry as the list shows it; the URLs narrow the list to its person and its address."""

    entry: AccessEntry
    words: str
    tone: str
    changes: list[str]
    actor_url: str
    address_url: str


def _display(entries: Sequence[AccessEntry], query: ListQuery, request: HttpRequest) -> list[AccessRow]:
    here = reverse("access-log")
    return [
        AccessRow(
            entry,
            KINDS.get(entry.kind, entry.kind),
            "red" if entry.outcome == "refused" else "green",
            list(_changes(entry.before, entry.after)),
            f"{here}?{urlencode({'person': entry.actor_name})}",
            f"{here}?{urlencode({'address': entry.address or ''})}",
        )
        for entry in entries
    ]


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What differs, in words: "roles: now Operator, no longer Viewer", "active: yes → no"."""
    for key in dict.fromkeys((*before, *after)):
        old, new, name = before.get(key), after.get(key), _name(key)
        if isinstance(old or [], list) and isinstance(new or [], list):
            given = [f"now {each}" for each in new or [] if each not in (old or [])]
            taken = [f"no longer {each}" for each in old or [] if each not in (new or [])]
            yield f"{name}: {', '.join((*given, *taken))}"
        elif key not in before:
            yield f"{name}: {_value(new)}"
        else:
            yield f"{name}: {_value(old)} → {_value(new)}"


def _name(key: str) -> str:
    """The words of a column or of a field of a document: "active", "read only"."""
    return _BOUNDARIES.sub(" ", key).lower().removeprefix("is ")


def _value(value: Any) -> str:
    return {True: "yes", False: "no", None: "none", "": "empty"}.get(value, str(value))


def _context(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    return {"chosen": query.values, "kinds": KINDS.items(), "outcomes": OUTCOMES.items(), "spans": SPANS.items()}


def _change_token() -> str:
    newest = AccessEntry.objects.newest_first().values_list("pk", flat=True).first()
    return newest.hex if newest else "0"


ACCESS_LOG = List(
    name="access-log",
    page_url="access-log",
    changes_url="access-log-changes",
    export_url="access-log-export",
    title="Access log",
    one="entry",
    many="entries",
    model=AccessEntry,
    permissions=(READ,),
    # read from access_newest, in both directions
    sorts=(Sort("at", "When", F("at"), None, first_click_descends=True),),
    default_order="-at",
    search=SEARCH,
    filters=FILTERS,
    panel=tuple(each.name for each in FILTERS),
    scanned=("", "person"),
    read=lambda rows: rows.only(*COLUMNS),
    display=_display,
    context=_context,
    change_token=_change_token,
    headings=(
        Heading("op-when", "When", "at"),
        Heading("", "Who"),
        Heading("", "What"),
        Heading("", "About"),
        Heading("", "Address"),
        Heading("", "Browser"),
    ),
    template="ledger/access_log/list.html",
    rows_template="ledger/access_log/_rows.html",
    panel_template="ledger/access_log/_panel.html",
    css="op-table access-table",
    trigger=(
        "submit, change from:#facets, input changed delay:400ms from:#q, input changed delay:400ms from:#person, "
        "input changed delay:400ms from:#address"
    ),
    table=Table(name="access-log", title="Access log", columns={"id": "id"} | {name: name for name in COLUMNS}),
    detail=lambda entry: {},
)  # fmt: skip
