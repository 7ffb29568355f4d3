"""Lines of the combined log say what became of a specification: from what to what, and in which version."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from environments.models import Environment, SpecificationVersion
from tests.support import factories, operations
from tests.support.audit_entries import entry, person
from tests.support.exports import read, read_csv, taken

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
STREAM = "/operations/stream/"


def version(environment: Environment, number: int, ago: timedelta, **spec: object) -> SpecificationVersion:
    seen_at = timezone.now() - ago
    return SpecificationVersion.objects.create(
        environment=environment, spec_version=number, spec={"specVersion": str(number), **spec},
        old_seen_at=seen_at - 2 * MINUTE, seen_at=seen_at,
    )  # fmt: skip


def lines(role: str, **query: str) -> list[str]:
    html = factories.client(role).get(STREAM, query).content.decode().partition("<tbody>")[2]
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", row)) for row in html.split("</tr>")]


def test_an_entry_says_from_what_to_what_and_links_the_version() -> None:
    made, ann = factories.environment(), person("Ann")
    version(made, 3, 9 * MINUTE, timeout={"disconnected": "3600s"}, desiredPhase="ENVIRONMENT_PHASE_RUNNING")
    version(made, 5, 4 * MINUTE, timeout={"disconnected": "14400s"}, desiredPhase="ENVIRONMENT_PHASE_STOPPED")
    version(made, 6, MINUTE / 2, timeout={"disconnected": "0s"}, desiredPhase="ENVIRONMENT_PHASE_STOPPED")
    for action, ago in {
        "update environment: spec.timeout": 5 * MINUTE,
        "stop environment": 5 * MINUTE,
        "update environment: spec.timeout.disconnected": MINUTE,
        "update environment: spec.ports": 5 * MINUTE,  # nothing of it was seen
        "create environment logs token": 5 * MINUTE,
    }.items():
        entry(action, ago=ago, subject_id=made.pk, actor_id=ann.pk)
    told = lines("Auditor")

    def line(action: str) -> str:
        return next(row for row in told if f"{action} " in row)

    assert "Timeout 1 h → 4 h version 5" in line("Update environment: spec.timeout")
    assert "Timeout 4 h → off version 6" in line("Update environment: spec.timeout.disconnected")
    assert "Desired state running → stopped" in line("Stop environment")
    for action in ("Update environment: spec.ports", "Create environment logs token"):
        assert "→" not in line(action), action
    auditor, compared = factories.client("Auditor"), f"/environments/{made.pk}/timeline/specification/?from=3&to=5"
    assert compared.replace("&", "&amp;") in auditor.get(STREAM).content.decode()
    assert "14400s" in auditor.get(compared).content.decode()
    file = read(auditor, f"{STREAM}export/")
    columns = [file.column(name) for name in ("changed", "from", "to")]
    filed = dict(zip(file.column("action"), zip(*columns, strict=True), strict=True))
    assert filed["update environment: spec.timeout"] == ("Timeout", "1 h", "4 h")
    assert filed["stop environment"] == ("Timeout; Desired state", "1 h; running", "4 h; stopped")
    assert filed["create environment logs token"] == (None, None, None)


def test_an_operation_says_what_it_changed() -> None:
    made = factories.environment()
    operations.operation(
        "environment.edit_timeout", environment_id=made.pk, target_id=made.pk,
        before={"specVersion": "3", "disconnected": "3600s"},
        after={"disconnected": "14400s"},
    )  # fmt: skip
    assert "Timeout 1 h → 4 h" in " ".join(lines("Auditor"))
    file = read_csv(taken(factories.client("Auditor"), f"{STREAM}export/", "csv"))
    assert [file.column(name) for name in ("changed", "from", "to")] == [["Timeout"], ["1 h"], ["4 h"]]
