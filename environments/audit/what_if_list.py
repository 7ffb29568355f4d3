"""All environments that one what-if question affects, as a list with the filters of the environments' list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Value
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from environments.audit.query import READ
from environments.audit.what_if import QUESTIONS, SPANS, address, hits, questions_of, reached, within
from environments.audit.what_if_exports import table_of
from environments.list.filters import FILTERS, without_gone
from environments.list.list import ENVIRONMENTS
from environments.list.search_keys import SEARCH
from environments.models import Environment
from portal.lists.declaration import Heading, List, ListQuery
from portal.lists.filters import Filter, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import word_of

SORTED_BY = ("name", "owner", "project", "phase")
WITHIN = Filter(
    "within",
    "When",
    lambda spans: within(spans[0], timezone.now()),
    word_of(SPANS),
    words_of({span: words for span, (words, _) in SPANS.items()}),
    single=True,
)


def _prepare(listing: List, data: QueryDict, of: Mapping[str, Any]) -> List:
    """The list of the question that is asked, at one time; a file has those of all questions."""
    asked, now = questions_of(data), timezone.now()
    if not asked:
        return replace(listing, table=None)
    as_of_now = replace(WITHIN, asks=lambda spans: within(spans[0], now))
    listing = replace(listing, filters=(as_of_now, *FILTERS), table=table_of(asked, _of_question))
    return _of_question(listing, *next(iter(asked.items())))


def _of_question(listing: List, name: str, value: int) -> List:
    question = QUESTIONS[name]

    def read(rows: Any) -> Any:
        return rows.annotate(hit_at=question.since + Value(value * question.unit)).for_list()

    def context(request: HttpRequest, query: ListQuery, part: str) -> dict[str, Any]:
        back_url = f"{reverse('audit:what-if')}?{urlencode({name: value})}"
        return {"question": question, "value": value, "back_url": back_url, "clear": address(name, value)}

    return replace(
        listing, base=lambda query: without_gone(query, reached(name, value)), read=read, context=context
    )  # fmt: skip


HITS = List(
    name="hits",
    api="audit/what-if",
    page_url="audit:what-if-environments",
    export_url="audit:what-if-export",
    title="Policy simulation",
    one="environment",
    many="environments",
    model=Environment,
    permissions=READ,
    sorts=(Sort("when", "When", F("since"), None), *(ENVIRONMENTS.by_sort[name] for name in SORTED_BY)),
    default_order="when",
    search=replace(SEARCH, placeholder="Words, or owner:ann project:shop is:unpushed"),
    filters=(WITHIN, *FILTERS),
    parameters=("question", "value", *QUESTIONS),
    of_file=tuple(QUESTIONS),
    prepare=_prepare,
    display=lambda found, query, request: hits(found),
    saved=False,
    headings=(
        Heading("aud-when", sort="when"),
        Heading("aud-name", "Environment", sort="name"),
        Heading("aud-owner", sort="owner"),
        Heading("aud-project", sort="project"),
        Heading("aud-phase", sort="phase"),
        Heading("", "Unpushed work"),
    ),
    template="environments/audit/hits.html",
    body_template="",
    rows_template="environments/audit/_hit_rows.html",
    empty_template="environments/audit/_no_hits.html",
    beyond=ENVIRONMENTS.beyond,
    css="aud-plain",
    table=table_of({}, _of_question),
)
