"""What was typed before a session ended is there again after signing in, and nothing was sent by it."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments.models import Environment, Phase
from portal.accounts.kept_forms import COOKIE, MAX_KEPT
from portal.accounts.models import KeptForm
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox
from tests.support import automation_factories, factories
from tests.support.saved_views import view

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/sign-in/"
PASSWORD = "correct horse battery"


@pytest.fixture
def admin(sandbox: Sandbox) -> User:
    user = factories.user("Admin")
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, user: User, answer: Any) -> Any:
    """On the page that the answer leads to, as a browser would."""
    leads_to = answer.headers.get("HX-Redirect") or answer.headers["Location"]
    form = client.get(leads_to)
    following = re.search(r'name="next" value="([^"]+)"', form.content.decode())
    assert following
    sent = {"username": user.get_username(), "password": PASSWORD, "next": unescape(following[1])}
    return client.post(SIGN_IN, sent, follow=True)


def forms(owner: User) -> dict[str, tuple[str, dict[str, str], str]]:
    """Of each kind of form: its address, what is typed, and what of that is to be there again."""
    environment = factories.environment(phase=Phase.RUNNING, name="otter")
    own, of = view(owner), [environment.pk]
    secret = factories.secret()
    task = automation_factories.task(environment)
    rows = {f"ports-{name}": value for name, value in {"TOTAL_FORMS": "1", "INITIAL_FORMS": "0", "0-port": "8123",
            "0-name": "typed-name"}.items()}  # fmt: skip
    reason = {"reason": "typed-reason", "operation_id": str(uuid.uuid4())}
    return {
        "rename": (reverse("environments:rename", args=of), {"name": "typed-name"} | reason, "typed-name"),
        "lockdown": (reverse("environments:lockdown", args=of), {"when": "exact", "at": "2031-01-02 03:04"} | reason,
                     "2031-01-02 03:04"),
        "ports": (reverse("environments:edit-ports", args=of), rows | reason, "typed-name"),
        "secret": (reverse("secrets:update", args=[secret.pk]), {"value": "hush-hush"} | reason, "typed-reason"),
        "task": (reverse("automations:edit-task", args=[environment.pk, task.pk]),
                 {"name": "typed-name", "command": "typed-command"} | reason, "typed-command"),
        "file": (reverse("automations:file", args=of), {"text": "tasks: typed-text", "apply": "yes"} | reason,
                 "tasks: typed-text"),
        "batch": (reverse("automations:batch-new"),
                  {"action": "environment.set_lockdown", "target": str(environment.pk)} | reason, "typed-reason"),
        "creation": (reverse("environments:create"), {"way": "url", "url": "https://typed.example/x"} | reason,
                     "https://typed.example/x"),
        "evidence": (reverse("audit:evidence"), {"reason": "typed-reason", "days": "7"}, "typed-reason"),
        "new view": (reverse("accounts:view-new"), {"name": "typed-name", "list": "environments:list"}, "typed-name"),
        "view": (reverse("accounts:view-edit", args=[own.pk]), {"name": "typed-name"}, "typed-name"),
    }  # fmt: skip


def test_each_kind_of_form_comes_back_filled_and_is_not_sent(admin: User) -> None:
    before = Environment.objects.count()
    for name, (address, typed, shown) in forms(admin).items():
        client = Client()
        back = sign_in(client, admin, client.post(address, typed))
        text = unescape(back.content.decode())
        assert (back.status_code, back.request["PATH_INFO"]) == (200, address), name
        assert shown in text, name
        assert "nothing was changed. What you typed is filled in again" in text, name
        assert "hush-hush" not in text, name
        again = unescape(client.get(address).content.decode())
        assert shown not in again, name
    assert Operation.objects.count() == 0
    assert (Environment.objects.count(), KeptForm.objects.count()) == (before + 1, 0)


def test_with_htmx_the_whole_page_goes_to_sign_in_and_comes_back_to_the_form(admin: User) -> None:
    address, typed, shown = forms(admin)["rename"]
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/environments/"}
    client = Client()
    answer = client.post(address, typed, headers=headers)
    assert answer.status_code == 200
    assert shown in sign_in(client, admin, answer).content.decode()


def test_what_is_kept_is_for_that_browser_alone_encrypted_and_short(admin: User) -> None:
    address, typed, shown = forms(admin)["secret"]
    client, other = Client(), Client()
    client.post(address, typed | {"reason": "-----BEGIN PRIVATE KEY-----"})
    client.post(address, typed)
    for row in KeptForm.objects.all():
        assert shown.encode() not in bytes(row.content)
    cookie = client.cookies[COOKIE]
    assert cookie.value not in KeptForm.objects.latest("at").digest
    assert cookie["httponly"]
    other.force_login(admin)
    assert shown not in other.get(address).content.decode()
    other.cookies[COOKIE] = f"{cookie.value}x"
    assert shown not in other.get(address).content.decode()
    with time_machine.travel(timezone.now() + timedelta(minutes=61), tick=False):
        client.force_login(admin)
        assert shown not in client.get(address).content.decode()
        Client().post(address, typed)
        assert KeptForm.objects.count() == 1


def test_signed_out_visitors_cannot_fill_the_database(admin: User) -> None:
    address, typed, _ = forms(admin)["rename"]
    KeptForm.objects.bulk_create(KeptForm(digest=f"{n}", content=b"", at=timezone.now()) for n in range(MAX_KEPT - 1))
    for _ in range(3):
        assert Client().post(address, typed).status_code == 302
    assert KeptForm.objects.count() == MAX_KEPT
    KeptForm.objects.all().delete()
    assert Client().post(address, typed | {"name": "x" * 400_000}).status_code == 302
    assert KeptForm.objects.count() == 0


def test_a_form_opened_before_signing_in_again_comes_back_if_this_portal_sent_it(admin: User) -> None:
    address, typed, shown = forms(admin)["rename"]
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    for origin in ("", "https://evil.example", "null"):
        refused = client.post(address, typed, headers={"Origin": origin} if origin else {})
        assert refused.status_code == 403, origin
        assert KeptForm.objects.count() == 0, origin
    stale = client.post(address, typed, headers={"Origin": "http://testserver"})
    assert (stale.status_code, stale["Location"]) == (302, address)
    assert shown in client.get(address).content.decode()
    assert Operation.objects.count() == 0
