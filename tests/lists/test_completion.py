from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from portal.directory.models import Member, Project
from portal.lists.completion import MOST, among, offers
from portal.lists.registry import LISTS
from portal.lists.search import Key, parse
from tests.lists.test_search import ANYTHING
from tests.support import factories

KEYS = {
    "phase": Key("phase", "a phase", "phase:running", values=among("running", "stopped", "starting")),
    "port": Key("port", "a number", "port:8080"),
    "project": Key("project", "a name", "project:shop", values=among("shop", 'my "big" shop', "a,b")),
}


def offered(text: str) -> list[str]:
    """The whole text with each offer taken."""
    return [text[: each.start] + each.text for each in offers(text, KEYS)]


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("", []),
        ("p", ["phase:", "port:", "project:"]),
        ("otter -PH", ["otter -phase:"]),
        ("phase:", ["phase:running", "phase:stopped", "phase:starting"]),
        ("phase:st", ["phase:stopped", "phase:starting"]),
        ("-phase:running,", ["-phase:running,stopped", "-phase:running,starting"]),
        ("phase:running,stop", ["phase:running,stopped"]),
        ("project:my", ['project:"my \\"big\\" shop"']),
        ('project:"big" shop', []),
        ('otter project:"my ', ['otter project:"my \\"big\\" shop"']),
        ('project:"a,', ['project:"a,b"']),
        ("phase:running ", []),
        ("port:80", []),
        ("nothing:", []),
    ],
)
def test_the_last_word_is_completed(typed: str, wanted: list[str]) -> None:
    assert offered(typed) == wanted


@given(ANYTHING)
def test_offers_are_understood_and_leave_what_stands_before(text: str) -> None:
    for whole in offered(text):
        before, word = offers(text, KEYS)[0].start, whole.rstrip(":")
        assert whole[:before] == text[:before]
        assert whole.endswith(":") or not [each for each in parse(word, KEYS).problems if each.typed in whole[before:]]


@given(st.lists(st.text(min_size=1, max_size=8), max_size=30), st.text(max_size=3))
def test_words_that_begin_so_come_first(words: list[str], typed: str) -> None:
    begins = [word.lower().startswith(typed.lower()) for word in among(*words)(typed)]
    assert begins == sorted(begins, reverse=True)


@pytest.mark.django_db
def test_every_search_completes_its_keys_for_those_who_see_its_list() -> None:
    """A few at a time, names from the directory included; who may not see a list learns no names from it."""
    admin, nobody = factories.client("Admin"), factories.client("")
    seen: dict[str, Any] = {"document": {}, "first_seen_at": timezone.now(), "seen_at": timezone.now()}
    Member.objects.bulk_create([Member(id=uuid4(), name=f"Ann {number:02}", **seen) for number in range(30)])
    Project.objects.create(id=uuid4(), name="Anna's shop", **seen)

    def answer(client: Client, url_name: str, text: str) -> list[str]:
        found = client.get(reverse("complete"), {"list": url_name, "q": text}).json()["offers"]
        return [each["text"] for each in found]

    for url_name, listing in LISTS.items():
        if listing.search is None:
            assert admin.get(reverse("complete"), {"list": url_name, "q": "o"}).status_code == 404
            continue
        key = next(iter(listing.search.keys))
        assert f"{key}:" in answer(admin, url_name, key[:1])
        assert nobody.get(reverse("complete"), {"list": url_name, "q": key[:1]}).status_code == 403
    found = answer(admin, "environments:list", "is:failing owner:ANN")
    assert found == [f'owner:"Ann {number:02}"' for number in range(MOST)]
    assert answer(admin, "environments:list", "project:ann") == ['project:"Anna\'s shop"']
    assert answer(admin, "environments:list", "owner:le") == ["owner:left"]
