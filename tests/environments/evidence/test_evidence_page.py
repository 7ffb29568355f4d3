"""`/audit/evidence/`: who may make a pack, what is asked, and what is answered."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as given
from django.test import Client
from django.utils import timezone

from environments.evidence import signing
from environments.evidence.build import PARTS
from portal.jobs import start
from portal.ledger.models import AccessEntry, Operation
from tests.support import evidence, factories
from tests.support.evidence import HOUR, manifest_of, told, unpacked
from tests.support.jobs import run_next

pytestmark = pytest.mark.django_db
URL = "/audit/evidence/"


@pytest.fixture
def auditor(db: None) -> Client:
    return factories.client("Auditor")


def form(**values: Any) -> dict[str, Any]:
    return {"as_of": "", "days": "30", "parts": list(PARTS), "reason": "the yearly audit"} | values


def made(client: Client, **values: Any) -> Any:
    """The answer with the pack, after a worker has made it."""
    begun = client.post(URL, form(**values))
    assert begun.status_code == 302
    assert run_next()
    return client.get(f"{begun['Location']}result/")


def test_an_auditor_makes_a_pack_that_verifies(auditor):
    evidence.organization()
    begun = auditor.post(URL, form(), headers={"User-Agent": "Firefox"})
    assert auditor.post(URL, form())["Location"] == begun["Location"], "sent twice, it is made once"
    waiting = auditor.get(begun["Location"]).content.decode()
    assert "Evidence pack as of now, with 30 days before it" in waiting
    assert "data-live=" in waiting
    assert run_next()
    assert not run_next()
    page = auditor.get(begun["Location"]).content.decode()
    assert "data-live=" not in page
    assert f'href="{begun["Location"]}result/"' in page
    answer = auditor.get(f"{begun['Location']}result/")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].startswith('attachment; filename="evidence-2')
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    pack = answer.getvalue()
    assert told(pack).code == 0
    made = Operation.objects.get(action="evidence.make")
    assert (made.reason, made.target_type, made.target_name) == ("the yearly audit", "organization", "Acme")
    assert (made.origin, made.address, made.browser) == ("page", "127.0.0.1", "Firefox")
    assert "create evidence pack" in auditor.get("/operations/").content.decode()
    assert auditor.get(f"/operations/{made.pk}/").status_code == 200
    downloaded = AccessEntry.objects.get(kind="download")
    assert downloaded.subject == f"{begun['Location']}result/ (Evidence pack as of now, with 30 days before it)"


def test_nothing_is_left_on_the_disk(auditor):
    evidence.organization()
    before = set(Path(tempfile.gettempdir()).iterdir())
    made(auditor)
    assert {path for path in set(Path(tempfile.gettempdir()).iterdir()) - before if "evidence" in path.name} == set()


def test_moment_period_and_parts_are_as_asked(auditor):
    evidence.organization()
    moment = timezone.now() - 6 * HOUR
    answer = made(auditor, as_of=f"{moment:%Y-%m-%dT%H:%M}", days="7", parts=["transitions", "audits"])
    manifest = manifest_of(unpacked(answer.getvalue()))
    assert manifest["moment"] == f"{moment:%Y-%m-%dT%H:%M}:00Z"
    assert manifest["since"] == f"{moment - timedelta(days=7):%Y-%m-%dT%H:%M}:00Z"
    assert manifest["parts"] == ["audits", "transitions"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"reason": ""}, "Enter a reason"),
        ({"parts": []}, "Choose at least one"),
        ({"as_of": "2999-01-01T00:00"}, "This time lies in the future"),
        ({"as_of": "1999-01-01T00:00"}, "No records before"),
        ({"as_of": "soon"}, "Takes a time in UTC"),
        ({"days": "12"}, "Select a valid choice"),
        ({"parts": ["everything"]}, "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_said_and_makes_nothing(auditor, values, said):
    evidence.organization()
    answer = auditor.post(URL, form(**values))
    assert not run_next()
    assert answer.status_code == 422
    text = answer.content.decode()
    assert said in text
    assert " utc" not in text, "as it was written"
    assert not Operation.objects.filter(action="evidence.make").exists()


def test_the_page_shows_the_key_and_the_head_and_how_to_verify(auditor):
    evidence.organization()
    page = auditor.get(URL).content.decode()
    assert signing.public_key().fingerprint in page
    assert signing.public_key().text in page
    assert ":12</code>" in page
    assert "verify_evidence FILE" in page
    assert given.SECRET_KEY not in page


def test_a_moment_in_the_address_is_filled_in(auditor):
    evidence.organization()
    moment = timezone.now() - 6 * HOUR
    page = auditor.get(URL, {"as_of": f"{moment:%Y-%m-%dT%H:%M:%S}Z"}).content.decode()
    assert f'value="{moment:%Y-%m-%d %H:%M}"' in page
    assert auditor.get(URL, {"as_of": "nonsense"}).status_code == 200


@pytest.mark.parametrize("role", ["Viewer", "Operator"])
def test_those_who_may_not_export_see_no_way_there(role):
    client = factories.client(role)
    assert client.get(URL).status_code == 403
    assert client.post(URL, form()).status_code == 403
    assert URL not in client.get("/audit/").content.decode()
    assert URL in factories.client("Auditor").get("/audit/").content.decode()


def test_only_so_many_wait_at_once(auditor, monkeypatch):
    monkeypatch.setattr(start, "MAX_OPEN", 1)
    auditor.post(URL, form())
    answer = auditor.post(URL, form(reason="another audit"))
    assert answer.status_code == 429
    assert "1 of your background jobs have not ended" in answer.content.decode()
