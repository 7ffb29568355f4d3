"""The page of one operation."""

from __future__ import annotations

import html
import re
import uuid
from datetime import timedelta

import pytest
from django.test import Client

from portal.ledger import recording
from portal.ledger.models import Operation, Outcome
from tests.support import factories
from tests.support.operations import ENVIRONMENT, operation

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def viewer() -> Client:
    return factories.client("Viewer")


def text_of(client: Client, made: Operation) -> str:
    """The page's words, without its tags."""
    response = client.get(f"/operations/{made.pk}/")
    assert response.status_code == 200
    page = re.sub(r"<head>.*</head>", "", response.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def test_everything_about_a_refused_operation_is_there(viewer: Client) -> None:
    reason = "It runs since May.\nNobody answers."
    made = operation(
        outcome=Outcome.FAILED, code="failed_precondition", message="environment is locked", request_id="req-7",
        explanation="Ona refused: it is locked down.", reason=reason, request={"environmentId": str(ENVIRONMENT)},
        before={"desiredPhase": "ENVIRONMENT_PHASE_RUNNING"}, after={"desiredPhase": "ENVIRONMENT_PHASE_STOPPED"},
    )  # fmt: skip
    said = text_of(viewer, made)
    for text in ("Stop environment: quiet-otter", "ann", "It runs since May. Nobody answers.", "a page of the portal",
                 "environment.stop", "Not done. Ona refused: it is locked down.", "failed_precondition",
                 "environment is locked", "req-7", str(made.pk), str(ENVIRONMENT), "desiredPhase",
                 "running stopped", "Duration 2 s", "5 min ago",
                 "The request, as sent to Ona"):  # fmt: skip
        assert text in said
    page = viewer.get(f"/operations/{made.pk}/").content.decode()
    assert 'data-copy="req-7"' in page
    assert f'href="/environments/{ENVIRONMENT}/"' in page
    assert f'href="/operations/?target={ENVIRONMENT}"' in page


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"is_open": True, "was_sent": False}, "Requested, not sent to Ona yet. "),
        ({"is_open": True}, "Sent to Ona, waiting for its answer."),
        ({}, "Done."),
        ({"outcome": Outcome.FAILED, "was_sent": False}, "Not done: nothing was sent to Ona."),
        ({"outcome": Outcome.FAILED, "was_sent": False}, "Sent to Ona never"),
        ({"outcome": Outcome.UNKNOWN, "is_open": True}, "Wait for that before you repeat it"),
        ({"outcome": Outcome.UNKNOWN}, "proves neither that it was done nor that it was not"),
        ({"outcome": Outcome.UNKNOWN}, "Check the current state"),
    ],
)
def test_the_outcome_is_told_in_sentences_and_what_is_unknown_with_what_to_do(
    viewer: Client, columns: dict, said: str
) -> None:
    assert said in text_of(viewer, operation(**columns))


def test_an_operation_without_values_says_so(viewer: Client) -> None:
    said = text_of(viewer, operation("environment.create_logs_token", reason="", request={}))
    assert "No values recorded" in said
    assert "Reason none" in said
    assert "The request" not in said


def test_fields_that_were_to_stay_are_folded_away(viewer: Client) -> None:
    made = operation(before={"a": 1, "b": 2, "noted": 3}, after={"a": 5, "b": 2})
    assert "2 unchanged fields" in text_of(viewer, made)


def test_an_operation_nobody_knows_is_explained(viewer: Client) -> None:
    response = viewer.get(f"/operations/{uuid.uuid4()}/")
    assert response.status_code == 404
    assert b"The ledger has no operation" in response.content


def test_an_open_page_follows_the_operation_to_its_end(viewer: Client) -> None:
    target = recording.Target("environment", ENVIRONMENT, "quiet-otter", ENVIRONMENT)
    made, _ = recording.begin("environment.stop", target, {"actor": factories.user("Operator")})
    poll = viewer.get(f"/operations/{made.pk}/").context["poll"]
    assert viewer.get(poll, headers=HTMX).status_code == 204
    recording.sent(made)
    news = viewer.get(poll, headers=HTMX)
    assert b"Sent to Ona, waiting for its answer." in news.content
    assert b"<html" not in news.content
    recording.close(made, Outcome.SUCCEEDED)
    end = viewer.get(news.context["poll"], headers=HTMX)
    assert b"Done." in end.content
    assert b"hx-trigger" not in end.content


@pytest.mark.parametrize("path", ["", "changes/", f"{uuid.UUID(int=7)}/"])
def test_the_ledger_is_for_those_who_may_see_operations(path: str) -> None:
    operation(id=uuid.UUID(int=7), ago=timedelta(days=1))
    assert Client().get(f"/operations/{path}").status_code == 302
    assert factories.client("").get(f"/operations/{path}").status_code == 403
    assert factories.client("Auditor").get(f"/operations/{path}").status_code == 200
