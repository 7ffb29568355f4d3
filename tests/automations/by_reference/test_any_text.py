"""Texts that Ona chose lead somewhere wherever they are a part of an address, whatever they contain."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import get_resolver, resolve, reverse
from hypothesis import example, given
from hypothesis import strategies as st

from automations.by_reference.rows import PHASES as SERVICE_PHASES
from automations.executions.filters import PHASES as EXECUTION_PHASES
from automations.executions.list import EXECUTIONS
from automations.sync.summaries import refresh
from portal.lists.folding import nfc_and_nfd
from portal.web.addresses import AnyText
from tests.support import factories
from tests.support.automation_factories import execution, service, task
from tests.support.exports import taken

pytestmark = pytest.mark.django_db
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
ODD = [
    "build.front", "größe/ß", "..", "a\r\nb", " ", "%2F", " a ", "export", "?x=1#&amp;", "~2F", "\"'<b>", "=a", "none",
    "\u202e\x1b[31m\x85", "x" * 1000,
]  # fmt: skip
HREF = re.compile(r'href="([^"]*)"')


@given(TEXT | st.just(""))
@example("\0")
def test_any_text_is_a_part_of_a_path_and_back(text: str) -> None:
    segment = AnyText().to_url(text)
    assert re.fullmatch(r"[-A-Za-z0-9_~]+", segment)
    assert urljoin("https://portal/automations/tasks/", segment).endswith(f"/tasks/{segment}")
    if text == "\0":
        with pytest.raises(ValueError, match="no text"):
            AnyText().to_python(segment)
    else:
        assert AnyText().to_python(segment) == text
        path = reverse("automations:task-export", args=[text])
        assert resolve(path).kwargs == {"reference": text}


@given(TEXT)
@example("STOPPED")
@example("SERVICE_PHASE_\u0130 ")
@example("e\u0301\uf900")
@example("\uf900")
def test_any_text_is_a_value_of_a_filter_and_back(text: str) -> None:
    for values in (EXECUTION_PHASES, SERVICE_PHASES):
        assert values.raw(values.read(values.value(text))) == text
    (reference,) = EXECUTIONS.by_name["reference"].values([text])
    assert text in nfc_and_nfd(reference)
    assert EXECUTIONS.by_name["by"].values([text]) == (text,)


def links(page: Any, path: str) -> Iterator[str]:
    """Where a page leads, as a browser reads it."""
    for href in map(unescape, HREF.findall(page.content.decode())):
        url = urlsplit(urljoin(f"http://testserver{path}", re.sub(r"[\t\r\n]", "", href)))
        yield f"{url.path}?{url.query}" if url.query else url.path


def follow(client: Client, path: str, parameters: tuple[str, ...]) -> int:
    """Open every link of a page that carries a text of Ona's; return how many there were."""
    page = client.get(path)
    assert page.status_code == 200, path
    found = {url for url in links(page, path) if any(parameter in url for parameter in parameters)}
    for url in found:
        answer = client.get(url)
        assert answer.status_code == 200, (path, url)
        if answer.context and "rows" in answer.context and "/new/" not in url:
            assert not answer.context.get("problems"), (path, url)
            assert answer.context["rows"], (path, url)
    return len(found)


def test_every_row_leads_on_whatever_ona_called_it() -> None:
    client = factories.client("Admin")
    environment = factories.environment(phase="ENVIRONMENT_PHASE_RUNNING")
    for text in ODD:
        execution(task(environment, text), phase="TASK_EXECUTION_PHASE_FAILED", started_by=text[:200])
        service(environment, text, phase=text[:200])
    refresh()
    for thing in ("task", "service"):
        path = f"/automations/{thing}s/"
        lines = client.get(path, {"size": "100"}).context["rows"]
        assert {line.summary.reference for line in lines} == {*ODD}
        for line in lines:
            assert resolve(line.url).kwargs["reference"] == line.summary.reference
            assert client.get(line.url).context["reference"] == line.summary.reference
    assert follow(client, "/automations/services/?size=100", ("phase=",)) == len(ODD)
    assert follow(client, "/automations/?size=100", ("reference=", "by=")) >= 2 * len(ODD)
    for text in ODD[:5]:
        assert taken(client, reverse("automations:task-export", args=[text]), "csv")
        plan = client.get(reverse("automations:batch-new"), {"action": "task.start", "reference": text}).context["plan"]
        assert plan.reference == text


def test_no_address_takes_a_narrower_text() -> None:
    def converters(patterns: Iterable[Any]) -> Iterator[object]:
        for pattern in patterns:
            yield from getattr(pattern.pattern, "converters", {}).values()
            if getattr(pattern, "app_name", "") != "admin":
                yield from converters(getattr(pattern, "url_patterns", ()))

    kinds = {type(each).__name__ for each in converters(get_resolver().url_patterns)}
    assert kinds <= {"UUIDConverter", "IntConverter", "AnyText"}
