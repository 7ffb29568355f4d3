"""The list of environments: all of them or any part, now or as recorded at a past time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db.models import F
from django.db.models.functions import Upper
from django.http import HttpRequest
from django.urls import reverse

from environments.actions import bulk
from environments.as_of.context import AsOf
from environments.detail.own_log import READ_LOG
from environments.list.change_token import revision
from environments.list.exports import TABLE
from environments.list.filters import FACETS, FILTERS, PANEL, without_gone
from environments.list.rows import Row, asks_for_failures, list_rows, read_rows
from environments.list.search_keys import SEARCH
from environments.models import Environment, SyncRun
from environments.models.flags import FLAGS
from environments.sync.freshness import freshness
from portal.lists.declaration import Heading, List, ListQuery
from portal.lists.keyset import Sort
from portal.web import cells

# Each is read from an index of its own, in order: see Environment.Meta.indexes.
SORTS = (
    Sort("phase", "Phase", F("phase"), ""),
    Sort("name", "Name", Upper("name"), ""),
    Sort("owner", "Owner", Upper("owner_name"), ""),
    Sort("project", "Project", Upper("project_name"), ""),
    Sort("class", "Class", Upper("class_name"), ""),
    Sort("last_used", "Last used", F("last_used_at"), None, first_click_descends=True),
    Sort("lockdown", "Lockdown", F("lockdown_at"), None),
    Sort("created", "Created", F("created_at"), None, first_click_descends=True),
)


def last_sync() -> dict[str, Any]:
    """Why there may be no environments yet."""
    return {"sweep": freshness(SyncRun.Kind.ENVIRONMENTS)[0]}


def _selection(request: HttpRequest, query: ListQuery, part: str) -> Mapping[str, Any]:
    """What can be done to the environments selected; nothing in the past."""
    user = cast(AsOf, query.as_of).acting(request.user)
    asked = {word for name, word in query.place.filters if name == "flag"}
    remedies = {FLAGS[word].remedy for word in asked if word in FLAGS}
    actions = sorted(bulk.on_environments(), key=lambda action: action.name not in remedies)  # what helps comes first
    return {"selection": bulk.selection(actions, user, query.place.at(None).removeprefix("?"))}


def _rows(found: Sequence[Environment], query: ListQuery, request: HttpRequest) -> list[Row]:
    """The past has no logs."""
    user = cast(AsOf, query.as_of).acting(request.user)
    return list_rows(
        found,
        reverse("environments:list"),
        tells_failures=asks_for_failures(query),
        reads_logs=bool(user and user.has_perm(READ_LOG)),
    )


# the boxes of those who may do something
TICKS = Heading("list-tick", cells.SELECT_PAGE)

ENVIRONMENTS = List(
    name="environments",
    page_url="environments:list",
    changes_url="environments:changes",
    facets_url="environments:facets",
    export_url="environments:export",
    title="Environments",
    one="environment",
    many="environments",
    model=Environment,
    permissions=("environments.view_environment",),
    sorts=SORTS,
    default_order="-last_used",
    search=SEARCH,
    filters=FILTERS,
    facets=FACETS,
    panel=PANEL,
    base=without_gone,
    read=read_rows,
    display=_rows,
    as_of=AsOf.read,
    # words are looked up in a text index, and each hit in its row
    scanned=("", "name", "owner", "project", "repo", "branch", "class", "runner"),
    change_token=revision,
    headings=(TICKS, *(Heading(f"list-{sort.name}", sort=sort.name) for sort in SORTS)),
    template="environments/list/list.html",
    before_template="as_of/_bar.html",
    rows_template="environments/list/_rows.html",
    top_template="environments/_bulk.html",
    after_template="environments/_selection.html",
    context=_selection,
    facets_template="environments/list/_gone.html",
    empty_template="environments/list/_nothing.html",
    empty=last_sync,
    beyond="The environments after it were deleted or changed.",
    table=TABLE,
    detail=lambda environment: {part: getattr(environment, part) for part in ("metadata", "spec", "status")},
    version=lambda environment: str(int(environment.spec_version)),
)
