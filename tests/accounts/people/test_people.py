"""`/people/`: who may change whom, what becomes of sessions and tokens, and that one admin always remains."""

from __future__ import annotations

import runpy
import threading
from pathlib import Path

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.urls import reverse

from portal.accounts.models import Person
from portal.accounts.people import changes
from portal.ledger.models import AccessEntry
from tests.api.test_tokens import bearer
from tests.support import factories

pytestmark = pytest.mark.django_db
NEW = "/people/new/"


def page_of(person: User) -> str:
    return reverse("people:person", args=[person.pk])


def told() -> list[tuple[str, str, str, object, object]]:
    found = AccessEntry.objects.order_by("at")
    return [(each.kind, each.actor_name, each.subject, each.before, each.after) for each in found]


def test_an_admin_invites_by_a_link_that_signs_in_once_and_changes_the_role() -> None:
    admin = factories.user("Admin", username="ada")
    client = factories.signed_in_as(admin)
    assert client.post(NEW, {"username": "bo", "role": "Owner"}).status_code == 422
    assert client.post(NEW, {"username": "ADA", "role": "Viewer"}).status_code == 422, "a name in another case"
    made = client.post(NEW, {"username": "bo", "role": "Viewer"})
    bo, theirs, path = User.objects.get(username="bo"), Client(), made.context["link"].removeprefix("http://testserver")
    token = theirs.get(path).context["form"].initial["token"]
    assert theirs.post("/accounts/link/", {"token": token}).status_code == 302
    assert theirs.get("/environments/").status_code == 200
    assert Client().post("/accounts/link/", {"token": token}).status_code == 410
    assert client.post(page_of(bo), {"do": "role", "role": "Auditor"}).status_code == 302
    assert list(bo.groups.values_list("name", flat=True)) == ["Auditor"]
    shown = client.get("/people/?q=bo").content.decode()
    assert "<bdi>Auditor</bdi>" in shown
    assert "link only" in shown
    SocialAccount.objects.create(user=bo, provider="acme", uid="1")
    for word, found in (("provider", ["bo"]), ("password", ["ada"]), ("link", [])):
        listed = client.get(f"/people/?signs-in={word}").context["page"].rows
        assert [each.username for each in listed] == found, word
    found = told()
    assert [each[:3] for each in found] == [
        ("account", "ada", "bo"), ("roles", "ada", "bo"), ("link-made", "ada", "bo"), ("sign-in", "bo", ""),
        ("link-used", "bo", ""), ("refused-sign-in", "", ""), ("roles", "ada", "bo"),
    ]  # fmt: skip
    assert found[-1][3:] == ({"roles": ["Viewer"]}, {"roles": ["Auditor"]})


def test_sessions_and_tokens_end_at_once_and_do_not_return_with_their_owner() -> None:
    client, bo = factories.client("Admin"), factories.user("Operator")
    theirs, api = Client(), bearer(bo, "Viewer")
    theirs.force_login(bo, backend="django.contrib.auth.backends.ModelBackend")
    assert (theirs.get("/environments/").status_code, api.get("/api/v1/operations/").status_code) == (200, 200)
    for do in ("deactivate", "reactivate"):
        assert client.post(page_of(bo), {"do": do}).status_code == 302
        assert theirs.get("/environments/").status_code == 302, do
        assert api.get("/api/v1/operations/").status_code == 401, do
    bo.refresh_from_db()
    assert bo.is_active
    assert [(each[3], each[4]) for each in told() if each[0] == "account"] == [
        ({"is_active": True}, {"is_active": False}), ({"is_active": False}, {"is_active": True}),
    ]  # fmt: skip


def test_nobody_changes_whose_rights_are_above_their_own_or_gives_what_they_lack() -> None:
    admin, root = factories.user("Admin"), User.objects.create_superuser("root")
    client, auditor = factories.signed_in_as(admin), factories.client("Auditor")
    deeds = ({"do": "role", "role": "Viewer"}, {"do": "link"}, {"do": "deactivate"}, {"do": "reactivate"})
    for do in deeds:
        assert client.post(page_of(root), do).status_code == 403, do
        assert auditor.post(page_of(admin), do).status_code == 403, do
    assert auditor.get(page_of(admin)).status_code == 200
    assert auditor.get(NEW).status_code == 403
    assert client.post(page_of(admin), {"do": "deactivate"}).status_code == 409, "oneself"
    assert client.get("/people/999999/").status_code == 404
    manager = factories.user("Viewer")
    manager.user_permissions.add(*_permissions("see_people", "manage_people"))
    as_manager, viewer = factories.signed_in_as(manager), factories.user("Viewer")
    assert as_manager.post(page_of(viewer), {"do": "role", "role": "Admin"}).status_code == 409, "is not offered"
    with pytest.raises(changes.PermissionDenied):
        changes.change_role(actor=manager, person=Person.objects.get(pk=viewer.pk), role="Admin")
    assert not User.objects.filter(groups__name="Admin").exclude(pk=admin.pk).exists()


def _permissions(*codes: str) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=codes))


def test_djangos_admin_is_off_unless_a_setting_turns_it_on(settings: object) -> None:
    path = str(Path("portal") / "urls.py")
    assert "admin/" in map(str, (each.pattern for each in runpy.run_path(path)["urlpatterns"]))
    settings.DJANGO_ADMIN = False  # type: ignore[attr-defined]
    assert "admin/" not in map(str, (each.pattern for each in runpy.run_path(path)["urlpatterns"]))


@pytest.mark.django_db(transaction=True)
def test_of_two_admins_who_remove_each_other_one_remains() -> None:
    ada, bo = (Person.objects.get(pk=factories.user("Admin").pk) for _ in range(2))
    gate, refused = threading.Barrier(2), []

    def demote(actor: Person, person: Person) -> None:
        gate.wait()
        try:
            changes.change_role(actor=User.objects.get(pk=actor.pk), person=person, role="Viewer")
        except (changes.NotChanged, changes.PermissionDenied) as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in ((ada, bo), (bo, ada))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.filter(changes.admins()).count() == 1
    assert len(refused) == 1
