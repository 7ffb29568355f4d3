"""Files and streams over the REST API, by token: the same as from pages, and problem documents where there is none."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import Field, Phase
from portal.accounts.tokens import changes
from portal.ledger.models import Operation
from tests.api.documented import check
from tests.automations.batches.test_batch_api import post
from tests.support import automation_factories, factories
from tests.support.audits import moved

pytestmark = pytest.mark.django_db


def headers(role: str, **options: Any) -> dict[str, str]:
    """Of requests with a token of this role."""
    owner = factories.user(role)
    plain = {"name": "ci", "days": 1, "is_read_only": False, "role": role}
    _, secret = changes.create_token(owner=owner, actor=owner, **plain | options)
    assert secret is not None
    return {"Authorization": f"Bearer {secret.reveal()}"}


def test_a_list_is_downloaded_as_from_its_page() -> None:
    factories.environment(name="otter")
    factories.environment(name="fox")
    token = headers("Auditor")
    answer = Client().get("/api/v1/environments/export/?format=json&q=otter", headers=token)
    assert answer["Content-Disposition"].startswith('attachment; filename="environments-')
    assert [row["name"] for row in json.loads(b"".join(answer))["rows"]] == ["otter"]
    spreadsheet = Client().get("/api/v1/environments/export/?format=csv", headers={**token, "Accept": "text/csv"})
    assert spreadsheet["Content-Type"].startswith("text/csv")
    assert b"otter" in b"".join(spreadsheet)
    for query, parameter in (
        ("", "format"), ("format=xml", "format"), ("format=csv&fields=id", "fields"), ("format=csv&phse=x", "phse"),
    ):  # fmt: skip
        refused = Client().get(f"/api/v1/environments/export/?{query}", headers=token)
        assert refused.status_code == 400, query
        assert parameter in [each["parameter"] for each in refused.json()["errors"]], query
    assert Client().get("/api/v1/environments/export/?format=csv", headers=headers("Viewer")).status_code == 403


def test_a_timeline_is_downloaded_with_the_parameters_of_its_page() -> None:
    environment = factories.environment()
    moved(environment, Field.PHASE, Phase.STOPPED, Phase.RUNNING, by=timezone.now() - timedelta(hours=1))
    here, client = f"/api/v1/environments/{environment.pk}/timeline/export/", Client(headers=headers("Auditor"))
    answer = client.get(f"{here}?format=json&zoom=day&lane=environment")
    check(answer)
    assert [row["new"] for row in json.loads(b"".join(answer))["rows"]] == ["running"]
    for query, parameter in (
        ("", "format"), ("format=csv&zoom=year", "zoom"), ("format=csv&lnae=phase", "lnae"),
        ("format=csv&to=noon", "to"), ("format=csv&before=x", "before"), ("format=csv&zoom=", "zoom"),
    ):  # fmt: skip
        refused = client.get(f"{here}?{query}")
        check(refused)
        assert parameter in [each["parameter"] for each in refused.json()["errors"]], query


def test_evidence_is_made_with_a_reason_and_logs_that_are_not_there_are_a_problem() -> None:
    client, token = Client(), headers("Auditor")
    kind = "application/json"
    missing = client.post("/api/v1/evidence/", {"days": "2", "rason": "x"}, content_type=kind, headers=token)
    assert [each["pointer"] for each in missing.json()["errors"]] == ["#/rason"]
    missing = client.post("/api/v1/evidence/", {"days": "2"}, content_type=kind, headers=token)
    assert {each["pointer"] for each in missing.json()["errors"]} == {"#/days", "#/reason"}
    for value in (None, True, {"deeper": "x"}, ["one", "another"]):
        refused = client.post("/api/v1/evidence/", {"reason": value}, content_type=kind, headers=token)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/reason"), value
    made = client.post(
        "/api/v1/evidence/", {"reason": "audit", "parts": ["operations"]}, content_type=kind, headers=token
    )
    content = b"".join(made) if made.streaming else made.content
    assert made.status_code == 200, content
    assert zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert Operation.objects.filter(reason="audit", origin="api").count() == 1
    execution = automation_factories.execution(automation_factories.task(factories.environment()))
    log = client.get(f"/api/v1/executions/{execution.pk}/log/", headers=token)
    assert log["Content-Type"] == "application/problem+json"
    assert (log.status_code, log.json()["status"]) == (502, 502)
    for query in ("skip=-1", "framed=yes", "viewer=1"):
        refused = client.get(f"/api/v1/executions/{execution.pk}/log/?{query}", headers=token)
        assert [each["parameter"] for each in refused.json()["errors"]] == [query.partition("=")[0]], query


def test_a_token_that_only_reads_does_nothing_and_one_that_is_wrong_reads_nothing() -> None:
    environment = factories.environment()
    url = f"/api/v1/environments/{environment.pk}/"
    reading = headers("Operator", is_read_only=True)
    assert Client().get(url, headers=reading).json()["id"] == str(environment.pk)
    refused = Client().post(f"{url}actions/stop/", {"reason": "x"}, content_type="application/json", headers=reading)
    assert refused.status_code == 403
    plan = {"action": "environment.stop", "query": ""}
    assert post(Client(headers=reading), "actions/plan", plan).status_code == 200
    assert post(Client(headers=reading), "actions/start", plan | {"reason": "x"}).status_code == 403
    wrong = Client().get(url, headers={"Authorization": "Bearer portal_wrong"})
    assert (wrong.status_code, wrong["Content-Type"]) == (401, "application/problem+json")
    assert wrong["WWW-Authenticate"].startswith("Bearer")
    assert not Operation.objects.filter(action="environment.stop").exists()
