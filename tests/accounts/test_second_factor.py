"""Second factors of local accounts: setting them up, signing in and confirming by them, losing them."""

from __future__ import annotations

from datetime import timedelta
from time import time
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from portal.ledger.models import AccessEntry
from tests.support import factories
from tests.support.identity_provider import running

pytestmark = pytest.mark.django_db
PAGE, APP, SIGN_IN = "/accounts/second-factor/", "/accounts/second-factor/app/", "/accounts/sign-in/"
CODE, LIST = "/accounts/sign-in/code/", "/environments/"


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time()) // 30))


def wrong(secret: str) -> str:
    """Six digits that are right in none of the half minutes about now."""
    right = {format_hotp_value(hotp_value(secret, int(time()) // 30 + each)) for each in range(-2, 3)}
    return next(code for code in ("111111", "222222", "333333", "444444", "555555", "666666") if code not in right)


def later(**time: int) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**time), tick=False)


def begin(user: User, **more: str) -> Client:
    """As far as the name and the password lead."""
    client = Client()
    form = {"username": user.get_username(), "password": factories.PASSWORD, "next": ""} | more
    assert client.post(SIGN_IN, form).status_code == 302
    return client


def set_up(client: Client) -> tuple[str, list[str]]:
    """An authenticator app: its secret, and the recovery codes."""
    form = client.get(APP).context["form"]
    shown = client.post(APP, {"sealed": form.sealed, "code": code_of(form.secret)})
    return form.secret, shown.context["codes"]


def is_in(client: Client) -> bool:
    return client.get(LIST).status_code == 200


def kinds() -> list[str]:
    return list(AccessEntry.objects.order_by("at").values_list("kind", flat=True))


def test_an_app_is_set_up_and_asked_at_sign_in_where_each_code_works_once(ann: User, bo: User) -> None:
    client, other = factories.signed_in_as(ann), factories.signed_in_as(bo)
    form = client.get(APP).context["form"]
    again = client.post(APP, {"sealed": form.sealed, "code": wrong(form.secret)})
    assert (again.status_code, again.context["form"].secret) == (422, form.secret), "the picture stays the same"
    assert other.post(APP, {"sealed": form.sealed, "code": code_of(form.secret)}).status_code == 422, "another's"
    with later(minutes=16):
        assert client.post(APP, {"sealed": form.sealed, "code": code_of(form.secret)}).status_code != 200, "too late"
    client = factories.signed_in_as(ann)
    secret, codes = set_up(client)
    assert len(set(codes)) == 10
    stored = str(
        [*Authenticator.objects.values_list("data", flat=True), *(s.get_decoded() for s in Session.objects.all())]
    )
    assert secret not in stored
    assert not any(code in client.get(PAGE).content.decode() for code in codes), "shown once"
    assert client.post(APP, {"sealed": form.sealed, "code": code_of(form.secret)}).status_code == 422, "one app"
    asked = begin(ann, next=f"{LIST}?q=a")
    assert not is_in(asked)
    assert asked.post(CODE, {"code": code_of(secret)}).status_code == 200, "used when it was set up"
    with later(seconds=60):
        assert asked.post(CODE, {"code": wrong(secret)}).status_code == 200
        assert not is_in(asked)
        assert asked.post(CODE, {"code": code_of(secret)})["Location"] == f"{LIST}?q=a"
        assert is_in(asked)
        replay = begin(ann)
        replay.post(CODE, {"code": code_of(secret)})
        assert not is_in(replay)
        replay.post(CODE, {"code": f" {codes[3]} "})
        assert is_in(replay)
        lost = begin(ann)
        lost.post(CODE, {"code": codes[3]})
        assert not is_in(lost)
        assert Client().get(CODE)["Location"] == SIGN_IN
        assert "9 unused" in replay.get(PAGE).content.decode()
    with later(minutes=16):
        assert lost.post(CODE, {"code": codes[4]})["Location"] == SIGN_IN, "the password was too long ago"
    assert not [each for each in AccessAttempt.objects.all() if codes[3] in each.post_data or secret in each.post_data]
    assert kinds() == [
        "factor-added", "recovery-codes-made", "factor-refused", "factor-refused", "factor-used", "sign-in",
        "factor-refused", "recovery-code-used", "sign-in", "factor-refused",
    ]  # fmt: skip
    assert set(AccessEntry.objects.values_list("actor_name", flat=True)) == {"ann"}


def test_codes_are_guessed_as_slowly_as_passwords_and_the_password_forgives_nothing(ann: User) -> None:
    secret, _ = set_up(factories.signed_in_as(ann))
    answers = [begin(ann).post(CODE, {"code": wrong(secret)}).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 429]
    assert Client().post(SIGN_IN, {"username": "ann", "password": factories.PASSWORD}).status_code == 429
    assert kinds()[2:] == [*["factor-refused"] * 4, "lockout", "factor-refused", "refused-sign-in"]


def test_a_role_that_needs_one_opens_nothing_but_its_set_up(settings: Any) -> None:
    settings.SECOND_FACTOR_ROLES = ["Admin"]
    admin, viewer = factories.user("Admin", username="ada"), factories.user("Viewer")
    assert is_in(begin(viewer))
    client = begin(admin)
    assert client.get(LIST)["Location"] == PAGE
    assert client.get(LIST, headers={"HX-Request": "true"})["HX-Redirect"] == PAGE
    refused = client.get("/api/v1/environments/")
    assert (refused.status_code, PAGE in refused.json()["detail"]) == (403, True)
    assert "Your role needs a second factor" in client.get(PAGE).content.decode()
    set_up(client)
    assert is_in(client)
    own = Authenticator.objects.get(type="totp")
    removed = client.post(f"{PAGE}{own.pk}/remove/", follow=True)
    assert "Your role needs a second factor" in removed.content.decode()
    settings.SECOND_FACTOR_ROLES = []
    assert begin(viewer).post(f"{PAGE}{own.pk}/remove/").status_code == 404, "another's"
    client.post(f"{PAGE}{own.pk}/remove/")
    assert not Authenticator.objects.exists(), "nor recovery codes"
    settings.SECOND_FACTOR_ROLES = ["Admin"]
    with running(settings) as issuer:
        by_provider = Client()
        issuer.sign_in(by_provider, groups=["portal-admins"])
        assert is_in(by_provider), "is the provider's to ask"


def test_a_link_asks_for_it_too_and_the_command_resets_what_is_lost(capsys: Any) -> None:
    admin = factories.user("Admin", username="admin")
    _, codes = set_up(factories.signed_in_as(admin))

    def use_link(**options: Any) -> Client:
        call_command("signin_link", base_url="http://testserver", **options)
        token = capsys.readouterr().out.strip().partition("token=")[2]
        client = factories.client("Viewer")
        assert client.post("/accounts/link/", {"token": token.replace("%3A", ":")}).status_code == 302
        return client

    client = use_link()
    assert not is_in(client), "whoever was signed in is not, any more"
    client.post(CODE, {"code": codes[0]})
    assert is_in(client)
    assert is_in(use_link(reset_second_factor=True))
    assert kinds()[-5:] == ["factor-removed", "link-made", "sign-out", "sign-in", "link-used"]


def test_what_matters_asks_for_the_second_factor_where_there_is_one(ann: User) -> None:
    client, confirm = factories.signed_in_as(ann), "/accounts/confirm/"
    secret, _ = set_up(client)
    with later(minutes=16):
        asked = client.post(f"{PAGE}recovery-codes/")
        assert asked["Location"].startswith(confirm)
        assert client.post(confirm, {"password": factories.PASSWORD}).status_code == 200, "is not enough"
        assert client.post(confirm, {"code": wrong(secret)}).status_code == 200
        assert client.post(confirm, {"code": code_of(secret), "next": PAGE})["Location"] == PAGE
        new = client.post(f"{PAGE}recovery-codes/").context["codes"]
        assert len(new) == 10
        assert kinds()[-4:] == ["factor-refused", "factor-refused", "factor-used", "recovery-codes-made"]


def test_an_admin_resets_what_somebody_lost_and_filters_people_by_it(ann: User, bo: User) -> None:
    admin, theirs = factories.user("Admin", username="ada"), factories.signed_in_as(ann)
    client = factories.signed_in_as(admin)
    set_up(theirs)
    asked = begin(ann)
    for word, found in (("totp", ["ann"]), ("none", ["ada", "bo"])):
        listed = client.get(f"/people/?second-factor={word}").context["page"].rows
        assert [each.username for each in listed] == found, word
    page, do = f"/people/{ann.pk}/", {"do": "reset-factor"}
    assert "authenticator app" in client.get(page).content.decode()
    assert factories.client("Auditor").post(page, do).status_code == 403
    assert client.post(f"/people/{admin.pk}/", do).status_code == 409, "one's own"
    assert client.post(page, do).status_code == 302
    assert client.post(page, do).status_code == 409, "there is none"
    assert not Authenticator.objects.exists()
    assert asked.get(CODE).status_code == 302
    entry = AccessEntry.objects.get(kind="factor-removed")
    assert (entry.actor_name, entry.subject, entry.before) == ("ada", "ann", {"second_factor": "authenticator app"})
    assert is_in(begin(ann))
