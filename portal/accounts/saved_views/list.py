"""Saved views as the REST API lists them: one's own and the shared ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.db.models.functions import Upper

from portal.accounts.models import SavedView
from portal.accounts.saved_views.menu import VIEW
from portal.api.listing import address_of
from portal.directory.list import api_list
from portal.lists.filters import Filter, in_column
from portal.lists.keyset import Sort
from portal.lists.registry import LISTS

COLUMNS = {
    "id": "id", "name": "name", "list": "url_name", "query": "query", "owner": "owner__username",
    "is_shared": "is_shared", "created_at": "created_at", "changed_at": "changed_at",
}  # fmt: skip


def _detail(view: SavedView) -> Mapping[str, Any]:
    """The addresses of its page and, of what is a list, of its rows."""
    listing = LISTS.get(view.url_name)
    asked = urlencode([("page_size" if name == "size" else name, value) for name, value in view.pairs])
    return {
        "page": view.url if view.label else None,
        "rows": f"/api/v1/{address_of(listing)}?{asked}" if listing else None,
    }


_LIST = api_list(
    "saved-views", "view", SavedView, list(COLUMNS), Sort("name", "Name", Upper("name"), ""),
    permissions=(VIEW,),
    filters=(
        Filter("q", "", lambda values: Q(name__says=values[0]), single=True),
        Filter("list", "List", in_column("url_name")),
        Filter("owner", "Owner", in_column("owner__username")),
    ),
    seen_by=lambda rows, user: rows.seen_by(user),
    detail=_detail,
)  # fmt: skip
SAVED_VIEWS = replace(_LIST, table=_LIST.table and replace(_LIST.table, columns=COLUMNS))
