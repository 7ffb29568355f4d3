"""Whatever goes wrong below /api/ is answered with a problem document (RFC 9457)."""

from __future__ import annotations

import json

import pytest
from django.test import Client, RequestFactory

from portal.web import outages
from tests.support import factories


@pytest.mark.django_db
def test_every_error_is_a_problem_document() -> None:
    client = factories.client("Auditor")
    for status, kind, answer in (
        (404, "not-found", client.get("/api/v1/nothing/")),
        (404, "not-found", client.get("/api/v1/environments/0199c5a0-5d5b-7c5e-9d6b-3b1f0c2a4e11/")),
        (406, "not-acceptable", client.get("/api/v1/environments/", headers={"Accept": "text/csv"})),
        (405, "method-not-allowed", client.post("/api/v1/environments/")),
        (403, "not-permitted", factories.client("").get("/api/v1/environments/")),
        (401, "not-signed-in", Client().get("/api/v1/environments/")),
        (400, "invalid-parameters", client.get("/api/v1/environments/?phse=running")),
        (503, "unavailable", outages.answer(RequestFactory().get("/api/v1/environments/"), outages.BUSY)),
    ):
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), kind
        body = json.loads(answer.content)
        assert body["type"] == f"urn:environment-portal:problem:{kind}"
        assert body["status"] == status
        assert body["title"]
        assert body["detail"]


def test_an_outage_says_when_to_try_again() -> None:
    answer = outages.answer(RequestFactory().get("/api/v1/environments/"), outages.AWAY)
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
def test_a_text_that_postgres_cannot_hold_is_named_in_every_body() -> None:
    client, wrong = factories.client("Admin"), "a\0b"
    body = {"action": "task.start", "reference": wrong, "values": {"more": ["x", wrong], wrong: "y"}}
    for address in ("batches/actions/plan", "batches/actions/start", "saved-views/actions/create", "evidence"):
        answer = client.post(f"/api/v1/{address}/", body, content_type="application/json")
        assert answer.status_code == 422, address
        pointers = [each["pointer"] for each in answer.json()["errors"]]
        assert pointers == ["#/reference", "#/values", "#/values/more/1"], address
