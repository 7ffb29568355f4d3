"""What pages say of a connection to Ona that does not do what it should, and what they offer then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from environments.models import SyncRun
from environments.sync.freshness import freshness
from portal.ledger.models import Outcome
from tests.support import factories, operations

pytestmark = pytest.mark.django_db
PAGES = ("/", "/environments/", "/secrets/", "/audit/", "/operations/", "/automations/", "/sync/")
REFUSED = {"state": SyncRun.State.FAILED, "error_code": "unauthenticated", "error": "Ona refused it."}


def ran(kind: str = SyncRun.Kind.ENVIRONMENTS, **columns: Any) -> SyncRun:
    now = timezone.now()
    plain = {"state": SyncRun.State.SUCCEEDED, "started_at": now, "finished_at": now, "requests": 1, "listed": 1}
    return SyncRun.objects.create(kind=kind, **plain | columns)


def banner(client: Client, url: str) -> str:
    _, _, rest = client.get(url).content.decode().partition('id="connection"')
    return rest.partition("</div>")[0]


def test_a_refused_token_is_told_once_on_every_page_with_what_to_do() -> None:
    environment = factories.environment()
    for kind in SyncRun.Kind.values:
        ran(kind, **REFUSED)
    admin = factories.client("Admin")
    for url in (*PAGES, f"/environments/{environment.pk}/"):
        html = admin.get(url).content.decode()
        assert html.count("Ona rejects the token (wrong, expired or revoked). Set ONA_API_KEY") == 1, url
        above = html.partition('id="list"')[0]  # beneath are the runs as they ended, one by one
        assert "Ona refused it." not in above, url
    for url in ("/", "/sync/"):
        kinds = admin.get(url).content.decode().partition("env-kinds")[2].partition("</table>")[0]
        told = (kinds.count("unauthenticated"), kinds.count("as for environments"))
        assert told == (1, len(SyncRun.Kind.values) - 2), (url, "the event stream has a line of its own")


def test_what_cannot_work_with_a_refused_token_is_not_offered() -> None:
    environment = factories.environment(name="quiet-otter")
    factories.secret()
    admin = factories.client("Admin")
    page = f"/environments/{environment.pk}/"
    offers = {
        "/environments/": "/environments/new/", "/secrets/": "/secrets/add/", page: "/stop/",
        "/audit/lockdown/": "/lockdown/\">", "/audit/archive/?q=otter": "&amp;action=environment.",
        "/secrets/?q=key": "/value/", f"{page}automations/": "/tasks/create/", "/operations/batches/": "batches/new/\"",
    }  # fmt: skip
    pack = "Create pack</button>"  # of what is stored
    for is_refused in (False, True):
        ran(**(REFUSED | {"started_at": timezone.now() + timedelta(seconds=1)} if is_refused else {}))
        for url, offer in offers.items():
            html = admin.get(url).content.decode()
            assert (offer in html) != is_refused, (url, is_refused)
            assert ("Ona rejects the portal&#x27;s token." in html) == is_refused, (url, is_refused)
        assert pack in admin.get("/audit/evidence/").content.decode(), is_refused


def test_the_banner_says_what_is_the_matter_and_nothing_while_all_is_well() -> None:
    admin = factories.client("Admin")
    assert "The first sync is in progress" in banner(admin, "/")
    run = ran(listed=0)
    assert "Ona lists no environments for this token" in banner(admin, "/operations/")
    SyncRun.objects.filter(pk=run.pk).update(listed=3)
    assert banner(admin, "/") == ""
    operations.operation(outcome=Outcome.FAILED, code="permission_denied")
    assert "The token may be read-only" in banner(admin, "/")
    assert banner(factories.client("Viewer"), "/") == ""
    operations.operation(ago=timedelta(minutes=1))
    assert banner(admin, "/") == ""
    ran(state=SyncRun.State.REFUSED, started_at=timezone.now() + timedelta(seconds=1))
    assert "The token may not read environments" in banner(admin, "/")


def test_nothing_to_ask_is_no_success_while_ona_cannot_be_read() -> None:
    ran(SyncRun.Kind.AUTOMATIONS, requests=0)
    (alone, *_) = (each for each in freshness() if each.kind == SyncRun.Kind.AUTOMATIONS)
    assert alone.state == "fresh"
    ran(**REFUSED)
    (unread, *_) = (each for each in freshness() if each.kind == SyncRun.Kind.AUTOMATIONS)
    assert unread.state == "unread"
    ran()
    SyncRun.objects.filter(kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.FAILED).update(
        started_at=timezone.now() + timedelta(seconds=1), finished_at=timezone.now() + timedelta(seconds=1)
    )
    html = factories.client("Admin").get("/sync/").content.decode()
    kinds = html[html.index('id="kinds"') : html.index('id="list"')]
    assert "current" not in kinds, "nor what was read a moment before the token was rejected"
    ran(SyncRun.Kind.AUTOMATIONS, requests=4, started_at=timezone.now() + timedelta(seconds=1))
    (read, *_) = (each for each in freshness() if each.kind == SyncRun.Kind.AUTOMATIONS)
    assert read.state == "fresh"
