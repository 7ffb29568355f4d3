"""No control character and no override of the direction reaches a page or a CSV file as it is."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.urls import reverse
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from automations.sync.summaries import refresh
from environments.models import Environment
from portal.web.visible import has_signs, visible, visible_html
from tests.support import factories
from tests.support.automation_factories import execution, service, task
from tests.support.exports import taken

HOSTILE = "ok\x1b[31m\x07\x08\x7f\x85\x9b\u202eevil\u2066"
BAD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(HOSTILE + "\0\t\n\r<>&\"'"))


def values(page: str) -> list[str]:
    """The values of inputs as a browser reads them: HTMLParser drops references to control characters."""
    found = re.findall(r'\svalue="([^"]*)"', page)
    return [unescape(re.sub(r"&#x([0-9A-F]+);", lambda code: chr(int(code[1], 16)), value)) for value in found]


@given(TEXT)
def test_signs_stand_for_control_characters_and_everything_else_stays(text: str) -> None:
    told = visible(text)
    assert not BAD.search(told)
    assert visible(told) == told
    assert BAD.search(text) or told == text
    assert has_signs(text.encode()) == bool(BAD.search(text))


def test_each_character_has_a_sign_of_its_own() -> None:
    assert visible(HOSTILE) == "ok␛[31m␇␈␡[U+0085][U+009B][U+202E]evil[U+2066]"
    assert visible("a\tb\r\nc\u200f") == "a\tb\r\nc\u200f"


@given(TEXT)
def test_values_of_forms_are_sent_back_as_they_were(text: str) -> None:
    text = re.sub("[\0\r\x80-\x9f]", "", text)  # no field of a form sends these
    page = (
        f'<p title="{escape(text)}">{escape(text)}</p><input value="{escape(text)}"><textarea>{escape(text)}</textarea>'
    )
    told = visible_html(page)
    assert not BAD.search(told)
    assert values(told) == [text]


@pytest.mark.django_db
def test_no_page_and_no_file_has_them_whatever_ona_answers() -> None:
    environment = factories.environment(
        name=HOSTILE, owner_name=HOSTILE, project_name=HOSTILE, branch=HOSTILE, failure=HOSTILE,
        status={"failureMessage": [HOSTILE], "activitySignal": {"source": HOSTILE}},
        spec={"automationsFile": {"automationsFilePath": HOSTILE}, "ports": [{"port": 3000, "name": HOSTILE}]},
    )  # fmt: skip
    factories.secret(name=HOSTILE)
    run = execution(task(environment, HOSTILE, name=HOSTILE), failure=HOSTILE, started_by=HOSTILE)
    service(environment, HOSTILE, name=HOSTILE, failure=HOSTILE)
    refresh()
    client = factories.client("Admin")
    pk = environment.pk
    pages = [
        reverse("environments:list"), reverse("environments:detail", args=[pk]),
        reverse("environments:rename", args=[pk]),
        reverse("environments:timeline", args=[pk]), reverse("automations:of-environment", args=[pk]),
        reverse("automations:list"), reverse("automations:tasks"), reverse("automations:task", args=[HOSTILE]),
        reverse("automations:execution", args=[run.pk]), reverse("secrets:list"), reverse("audit:lockdown"),
    ]  # fmt: skip
    shown = 0
    for path in pages:
        answer = client.get(path)
        assert answer.status_code == 200, path
        page = answer.content.decode()
        assert not BAD.search(page), path
        shown += "ok␛[31m" in page
    assert shown >= 9
    assert "ok\x1b[31m" in "".join(values(client.get(pages[2]).content.decode()))
    for name in ("environments:export", "automations:execution-export", "secrets:export"):
        file = taken(client, reverse(name), "csv").decode()
        assert not BAD.search(file), name
        assert "ok␛[31m" in file, name
    assert Environment.objects.get(pk=pk).name == HOSTILE
