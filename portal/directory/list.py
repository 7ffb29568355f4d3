"""What the REST API lists of the directory: the names behind ids, and versions of the policies. No page lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Upper

from portal.directory.models import EnvironmentClass, Member, PolicyVersion, Project, Runner
from portal.lists.declaration import Cells, List, ListQuery, Table, without_blanks
from portal.lists.filters import Filter, any_of, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import word_of

GONE = {"yes": "include", "only": "only"}
CONSTANTS = ("role", "status", "kind", "provider", "phase", "max_port_admission_level")  # of Ona's, in small letters
ALL = {"id": "id", "name": "name"}
SEEN = {"first_seen_at": "first_seen_at", "seen_at": "seen_at", "gone_at": "gone_at"}
FILTERS = (
    Filter("q", "", lambda values: Q(name__says=values[0]), single=True),
    Filter(
        "gone", "Deleted", any_of({"yes": Q(), "only": Q(gone_at__isnull=False)}), word_of(GONE), words_of(GONE),
        single=True,
    ),
)  # fmt: skip


def _base(query: ListQuery) -> QuerySet[Any]:
    rows: QuerySet[Any] = query.listing.model._default_manager.all()
    return rows if query.one("gone") else rows.filter(gone_at=None)


def _row(columns: Sequence[str]) -> Callable[[Cells], Cells]:
    """Constants in small letters, as addresses have them."""
    places = [place for place, name in enumerate(columns) if name in CONSTANTS]

    def row(values: Cells) -> Cells:
        cells = [*without_blanks(values)]
        for place in places:
            cells[place] = cells[place] and cells[place].lower()
        return cells

    return row


def api_list(name: str, one: str, model: type[Model], columns: Sequence[str], sort: Sort, **differs: Any) -> List:
    """A list without a page."""
    title = name.replace("-", " ").capitalize()
    named = {each: each for each in columns}
    return List(
        name=name, page_url=name, title=title, one=one, many=f"{one}s", model=model, sorts=(sort,), saved=False,
        permissions=differs.pop("permissions", (f"{model._meta.app_label}.view_{model._meta.model_name}",)),
        default_order=f"{'-' if sort.first_click_descends else ''}{sort.name}",
        template="", rows_template="", headings=(),
        table=Table(name=name, title=title, columns=named, row=_row(columns)),
        **{"detail": lambda row: {}, **differs},
    )  # fmt: skip


def _names(name: str, one: str, model: type[Model], *columns: str) -> List:
    by_name = Sort("name", "Name", Upper("name"), "")
    columns = (*ALL, *columns, *SEEN)
    return api_list(
        name, one, model, columns, by_name, filters=FILTERS, base=_base, detail=lambda row: {"document": row.document}
    )


LISTS = (
    _names("members", "member", Member, "email", "role", "status", "member_since"),
    _names("projects", "project", Project, "repository"),
    _names("runners", "runner", Runner, "kind", "provider", "phase", "region", "version", "message"),
    _names("classes", "class", EnvironmentClass, "description", "runner_id", "enabled"),
    api_list(
        "policy-versions",
        "version",
        PolicyVersion,
        (
            "id", "old_seen_at", "seen_at", "maximum_environment_timeout", "maximum_environment_lifetime",
            "maximum_environment_lifetime_strict", "archive_environments_after",
            "delete_archived_environments_after", "port_sharing_disabled", "max_port_admission_level",
        ),
        Sort("seen", "Recorded", F("seen_at"), None, first_click_descends=True),
        detail=lambda version: {"policies": version.policies},
    ),
)  # fmt: skip
