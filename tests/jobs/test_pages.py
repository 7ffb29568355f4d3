"""What is requested on pages and over the API, watched, fetched and cancelled there; and whose it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import Environment
from portal.jobs.models import Job, JobState
from portal.ledger.models import AccessEntry, Verification
from tests.api.test_tokens import bearer
from tests.support import evidence, factories
from tests.support.evidence import told
from tests.support.jobs import job, run_next

pytestmark = pytest.mark.django_db
EXPORT = "/environments/export/?format=json&q=otter"


@pytest.fixture
def large(settings: Any) -> None:
    """Three environments, which are more than are sent at once."""
    settings.DIRECT_ROWS = 2
    for name in ("otter-1", "otter-2", "otter-3", "fox"):
        factories.environment(name=name)


def fetched(client: Client, address: str) -> bytes:
    answer = client.get(f"{address}result/")
    assert answer.status_code == 200
    return b"".join(answer)  # type: ignore[arg-type]


@pytest.mark.usefixtures("large")
def test_a_large_export_is_a_job_and_its_file_is_the_one_that_is_sent_at_once(settings: Any) -> None:
    auditor = factories.client("Auditor")
    begun = auditor.get(EXPORT)
    assert begun.status_code == 302
    here = begun["Location"]
    assert auditor.get(EXPORT)["Location"] == here, "requested twice, it is made once"
    assert "Environments as JSON: otter" in auditor.get(here).content.decode()
    assert run_next()
    made = json.loads(fetched(auditor, here))
    settings.DIRECT_ROWS = 3
    direct = json.loads(b"".join(auditor.get(EXPORT)))  # type: ignore[arg-type]
    assert made["rows"] == direct["rows"]
    assert len(made["rows"]) == 3
    of_query = ("exported_by", "list", "query", "filters", "order", "rows")
    assert [made["head"][name] for name in of_query] == [direct["head"][name] for name in of_query]
    first, second = AccessEntry.objects.filter(kind="download").order_by("at").values_list("subject", flat=True)
    assert first == f"{here}result/ (Environments as JSON: otter)"
    assert second == EXPORT
    settings.DIRECT_ROWS = 2
    assert auditor.get(f"{EXPORT}&nonsense=1").status_code == 400
    starts = [auditor.get(f"{EXPORT}+-portal_abcdefg{each}_secretsecret")["Location"] for each in "123456"]
    assert starts[-1] == "/jobs/", "five are open"
    assert "5 of your background jobs have not ended" in auditor.get("/jobs/").content.decode()
    assert all("secretsecret" not in str(vars(each)) for each in Job.objects.all())


@pytest.mark.usefixtures("large")
def test_the_api_answers_202_and_the_job_has_an_address_its_result_and_an_end() -> None:
    evidence.organization()
    owner = factories.user("Admin")
    api, other = bearer(owner, "Auditor"), bearer(factories.user("Auditor"), "Auditor")
    body = {"reason": "the yearly audit"}
    starts = {
        "evidence": api.post("/api/v1/evidence/", body, content_type="application/json"),
        "export": api.get("/api/v1/environments/export/?format=csv"),
        "verification": api.post("/api/v1/operations/verify/", content_type="application/json"),
    }
    files = {}
    for kind, answer in starts.items():
        assert answer.status_code == 202, kind
        address = answer["Location"].removeprefix("http://testserver")
        assert address == f"/api/v1/jobs/{answer.json()['id']}/"
        assert api.get(f"{address}result/").status_code == 404
        assert run_next()
        now = api.get(address).json()
        assert (now["state"], now["kind"], now["why"]) == ("succeeded", kind, None)
        files[kind] = fetched(api, address)
        assert len(files[kind]) == now["size"]
        assert other.get(address).status_code == other.get(f"{address}result/").status_code == 404
        assert api.post(f"{address}cancel/", content_type="application/json").status_code == 409
    assert told(files["evidence"]).code == 0
    assert files["export"].count(b"\r\n") > Environment.objects.count()
    assert b"The chain holds" in files["verification"]
    assert Verification.objects.get().holds
    assert len(api.get("/api/v1/jobs/").json()["results"]) == 3
    waiting = api.get("/api/v1/environments/export/?format=csv")["Location"].removeprefix("http://testserver")
    assert api.post(f"{waiting}cancel/", content_type="application/json").json()["state"] == "cancelled"


def test_jobs_are_seen_by_who_requested_them_and_by_admins_and_results_are_fetched_by_nobody_else() -> None:
    olga, ada = factories.user("Auditor", username="olga"), factories.user("Admin", username="ada")
    own, admin = factories.signed_in_as(olga), factories.signed_in_as(ada)
    theirs = job(owner=olga, state=JobState.SUCCEEDED, size=3, file_name="pack.zip", media_type="application/zip",
                 expires_at=timezone.now() + evidence.HOUR)  # fmt: skip
    theirs.pieces.create(number=0, content=b"PK!")
    here = f"/jobs/{theirs.pk}/"
    assert "pack.zip" in own.get(here).content.decode()
    assert fetched(own, here) == b"PK!"
    assert "only who requested it can fetch it" in admin.get(here).content.decode()
    assert admin.get(f"{here}result/").status_code == 403
    stranger = factories.client("Auditor")
    assert {stranger.get(each).status_code for each in (here, f"{here}result/")} == {404}
    seen = [client.get("/jobs/").content.decode().count(f"job-{theirs.pk}") for client in (own, admin, stranger)]
    assert seen == [1, 1, 0]

    olga.groups.clear()
    olga.groups.add(*ada.groups.model.objects.filter(name="Viewer"))
    assert own.get(f"{here}result/").status_code == 403, "the right was lost since"
    olga.groups.set(ada.groups.all())
    Job.objects.update(expires_at=timezone.now())
    assert own.get(f"{here}result/")["Location"] == here
    assert "has no result, or it has expired" in own.get(here).content.decode()


def test_a_job_is_cancelled_on_its_page_by_who_requested_it_or_an_admin() -> None:
    first, second = job(state=JobState.WAITING), job(state=JobState.WAITING)
    admin = factories.client("Admin")
    for client, each in ((factories.signed_in_as(first.owner), first), (admin, second)):
        assert 'action="/jobs/' in client.get(f"/jobs/{each.pk}/").content.decode()
        assert client.post(f"/jobs/{each.pk}/cancel/").status_code == 302
        page = client.get(f"/jobs/{each.pk}/", headers={"HX-Request": "true"}).content.decode()
        assert "cancelled" in page
        assert "data-live" not in page
    assert "nothing left to cancel" in admin.post(f"/jobs/{second.pk}/cancel/", follow=True).content.decode()
    third = job(state=JobState.WAITING)
    assert factories.client("Auditor").post(f"/jobs/{third.pk}/cancel/").status_code == 404
