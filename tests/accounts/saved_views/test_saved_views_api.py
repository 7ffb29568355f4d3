"""Saved views over the REST API: shared ones are read by all, and each is changed by its owner alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.accounts.models import SavedView, Start
from tests.api.documented import check
from tests.api.test_downloads import headers
from tests.support import factories

pytestmark = pytest.mark.django_db


def ask(client: Client, address: str, status: int = 200, **body: Any) -> Any:
    url = f"/api/v1/saved-views/{address}"
    answer = client.post(url, body, content_type="application/json") if "actions/" in address else client.get(url)
    check(answer)
    assert answer.status_code == status, answer.content
    return answer.json()


def pointers(problem: Any) -> list[str]:
    return [each["pointer"] for each in problem["errors"]]


def test_a_view_is_made_read_changed_and_deleted_by_its_owner_alone() -> None:
    ann, bo = Client(headers=headers("Viewer")), Client(headers=headers("Admin"))
    given = {"name": "Otters", "list": "environments:list", "query": "phase=running&q=otter&size=25", "is_start": True}
    made = ask(ann, "actions/create/", **given)
    assert ask(ann, "actions/create/", **given)["id"] == made["id"]
    one, here = f"{made['id']}/", f"{made['id']}/actions"
    assert (made["name"], made["is_shared"], Start.objects.get().name) == ("Otters", False, "Otters")
    factories.environment(name="otter"), factories.environment(name="fox")
    assert [row["name"] for row in ann.get(made["rows"]).json()["results"]] == ["otter"]
    assert made["page"].startswith("/environments/?")
    assert ask(bo, "?list=environments:list")["results"] == []
    ask(bo, one, 404)
    changed = ask(ann, f"{here}/change/", is_shared=True, query="phase=stopped")
    assert (changed["name"], changed["is_shared"], changed["query"]) == ("Otters", True, "phase=stopped")
    assert Start.objects.count() == 1
    (listed,) = ask(bo, f"?q=OTT&owner={changed['owner']}")["results"]
    assert ask(bo, one) == changed == {**changed, **listed}
    for act in ("change", "delete"):
        ask(bo, f"{here}/{act}/", 404)
    ask(ann, f"{here}/delete/")
    ask(ann, one, 404)


def test_what_a_view_cannot_be_is_refused_by_its_field() -> None:
    ann = Client(headers=headers("Viewer"))
    good = {"name": "Otters", "list": "environments:list"}
    for body, wrong in (
        ({}, "#/list"), ({"list": "nothing"}, "#/list"), ({**good, "name": " "}, "#/name"),
        ({**good, "query": "phse=running"}, "#/query"), ({**good, "nmae": "x"}, "#/nmae"),
        ({**good, "is_shared": "yes"}, "#/is_shared"), ({**good, "query": ["x"]}, "#/query"),
    ):  # fmt: skip
        assert pointers(ask(ann, "actions/create/", 422, **body)) == [wrong], body
    for name in ("Otters", "Foxes"):
        ask(ann, "actions/create/", list="environments:list", name=name)
    mine = SavedView.objects.get(name="Foxes").pk
    assert pointers(ask(ann, f"{mine}/actions/change/", 422, name="Otters")) == ["#/name"]
    assert pointers(ask(ann, f"{mine}/actions/change/", 422, query="q=phase:")) == ["#/query"]
    reading = Client(headers=headers("Admin", is_read_only=True))
    ask(reading, "actions/create/", 403, **good)
    assert SavedView.objects.count() == 2
