"""The list of secrets, the card on an environment's page, and the forms."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from environments.models import Environment, Phase, Secret, Sighting, SyncRun
from environments.models.secret_scope import ScopeKind
from portal.directory.models import Project
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from tests.support import factories

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def admin(db: None) -> Client:
    return factories.client("Admin")


def text(answer: Any) -> str:
    content = answer.content.decode()
    start = content.find('<main id="main"')
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", content[max(start, 0) :]))


def names(answer: Any) -> list[str]:
    return re.findall(r'<td class="secret-name list-name">\s*<a [^>]*><bdi><strong>([^<]*)', answer.content.decode())


def listing(client: Client | None = None, **query: Any) -> Any:
    answer = (client or factories.client()).get("/secrets/", query)
    assert answer.status_code == 200
    return answer


def environment_with_secrets() -> Environment:
    """One that shares its project with others."""
    shared = Secret.objects.filter(scope_kind=ScopeKind.PROJECT, reach__gt=1).values("scope_id")
    environments = Environment.objects.present().filter(project_id__in=shared).order_by("id")
    return next(each for each in environments if each.spec.get("secrets"))


def new_secret(**fields: Any) -> dict[str, Any]:
    return {
        "operation_id": "0d2c8f0e-9c6f-4a3e-8a52-0b7f6f5f3a11",
        "name": "NEW_KEY",
        "mount": "environment_variable",
        "value": "correct horse",
        "reason": "the old one leaked",
    } | fields


# The list


def test_the_list_tells_of_each_secret_what_is_known() -> None:
    project = Project.objects.create(
        id=factories.ORGANIZATION, name="web-shop", first_seen_at=timezone.now(), seen_at=timezone.now()
    )
    factories.secret(
        name="STRIPE", scope_id=project.pk, mount_kind="api_only", mount_target="", uses=3, reach=1200,
        proxy_hosts=["api.stripe.com"], proxy_header="Authorization", creator_name="Ann Lee",
    )  # fmt: skip
    said = text(listing())
    for part in ("STRIPE", "web-shop", "not mounted, API only", "proxy to api.stripe.com in Authorization", "1,200",
                 "Ann Lee", "1 secret"):  # fmt: skip
        assert part in said
    assert f"/projects/{project.pk}/" in listing().content.decode()


def test_foreign_names_are_text() -> None:
    factories.secret(name="<script>x</script>", scope_name="<img>", proxy_hosts=["<b>"], creator_name="<i>")
    content = listing().content.decode()
    assert "<script>x" not in content
    assert "&lt;script&gt;x" in content
    assert "<img>" not in content


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"A", "B", "C"}),
        ({"scope": "organization"}, {"B"}),
        ({"mount": "file"}, {"B", "C"}),
        ({"used": "no"}, {"A", "C"}),
        ({"used": "yes"}, {"B"}),
        ({"age": "90"}, {"B", "C"}),
        ({"age": "180"}, {"C"}),
        ({"gone": "yes"}, {"A", "B", "C", "GONE"}),
        ({"gone": "only"}, {"GONE"}),
        ({"q": "mount:file -scope:organization"}, {"C"}),
        ({"q": "host:STRIPE"}, {"C"}),
        ({"q": "ann"}, {"A"}),
        ({"q": "creator:ann,bo"}, {"A", "B"}),
        ({"q": "project:shop"}, {"A"}),
        ({"q": "owner:dana"}, {"C"}),
        ({"mount": "file", "used": "no"}, {"C"}),
        ({"project": str(factories.ORGANIZATION)}, {"A"}),
    ],
)
def test_filters_and_words_narrow_the_list(query: dict[str, str], expected: set[str]) -> None:
    now = timezone.now()
    factories.secret(name="A", scope_id=factories.ORGANIZATION, updated_at=now, creator_name="Ann Lee")
    factories.secret(name="B", scope_kind="organization", mount_kind="file", mount_target="/b", uses=4,
                     scope_name="Acme", updated_at=now - timedelta(days=100), creator_name="Bo")  # fmt: skip
    factories.secret(name="C", scope_kind="user", scope_name="Dana", mount_kind="file", mount_target="/c",
                     updated_at=now - timedelta(days=200), proxy_hosts=["api.stripe.com"])  # fmt: skip
    factories.secret(name="GONE", gone_at=now)
    assert set(names(listing(**query))) == expected


@pytest.mark.parametrize("sort", ["name", "scope", "mount", "uses", "reach", "value", "creator"])
def test_every_column_sorts_in_both_directions_and_pages_hold_each_secret_once(sort: str) -> None:
    for number in range(120):
        factories.secret(name=f"KEY_{number:03}", uses=number % 7 if number % 5 else None, reach=number,
                         updated_at=timezone.now() - timedelta(days=number) if number % 3 else None)  # fmt: skip
    client = factories.client()
    for direction in ("", "-"):
        found, url = [], f"/secrets/?sort={direction}{sort}"
        while url:
            answer = client.get(url)
            found += names(answer)
            following = re.search(r'rel="next"\s+id="next-page"\s+href="([^"]+)"', answer.content.decode())
            url = f"/secrets/{following[1].replace('&amp;', '&')}" if following else ""
        assert len(found) == 120
        assert len(set(found)) == 120
        if sort == "uses":
            numbers = [Secret.objects.get(name=name).uses for name in found]
            known = [number for number in numbers if number is not None]
            assert known == sorted(known, reverse=bool(direction))
            assert numbers[len(known) :] == [None] * (120 - len(known))


def test_what_makes_no_sense_is_said_and_shows_nothing() -> None:
    factories.secret()
    answer = listing(scope="galaxy", project="x", sort="colour", page="x", q="mount:rocket", age="-1", gone="maybe")
    said = text(answer)
    assert names(answer) == []
    assert names(listing(sort="colour", page="x")) == ["API_KEY"]
    for part in ("scope=galaxy", "project=x", "sort=colour", "page=x", "mount:rocket", "age=-1", "gone=maybe"):
        assert part in said


def test_there_are_two_empty_lists() -> None:
    assert "Secrets have not been read from Ona yet" in text(listing())
    now = timezone.now()
    run = SyncRun.objects.create(kind="secrets", state="succeeded", started_at=now, finished_at=now)
    assert "found none" in text(listing())
    assert "Nothing matches" in text(listing(scope="user"))
    run.error = "The token may not see the secrets of 12 people; their records stay as they were."
    run.save()
    assert "secrets of 12 people" in text(listing())


def test_a_poll_is_answered_only_where_something_changed() -> None:
    factories.secret()
    client = factories.client()
    poll = re.search(r'hx-get="([^"]*seen=[^"]*)"', client.get("/secrets/").content.decode())
    assert poll
    url = poll[1].replace("&amp;", "&")
    assert client.get(url, headers=HTMX).status_code == 204
    factories.secret(name="LATER")
    answer = client.get(url, headers=HTMX)
    assert "LATER" in answer.content.decode()
    assert "HX-Push-Url" not in answer


def test_the_number_of_queries_does_not_grow_with_the_list(django_assert_max_num_queries: Any) -> None:
    for number in range(60):
        factories.secret(name=f"KEY_{number}")
    client = factories.client()
    with django_assert_max_num_queries(17):
        client.get("/secrets/?scope=project&q=key")


def test_only_admins_are_offered_changes() -> None:
    secret = factories.secret()
    assert f"/secrets/{secret.pk}/value/" in listing(factories.client("Admin")).content.decode()
    content = listing(factories.client("Operator")).content.decode()
    assert f"/secrets/{secret.pk}/value/" not in content
    assert f"/secrets/{secret.pk}/delete/" not in content
    assert "Your roles do not let you" in content


# The card


def card(client: Client, environment: Environment) -> str:
    answer = client.get(f"/environments/{environment.pk}/?tab=access")
    assert answer.status_code == 200
    content = answer.content.decode()
    start = content.index('aria-labelledby="secrets"')
    return content[start : content.index('aria-labelledby="ssh-keys"')]


def test_the_card_tells_scope_and_reach_and_offers_admins_what_can_be_done(ona_read: Sandbox, admin: Client) -> None:
    environment = environment_with_secrets()
    mounted = environment.spec["secrets"][0]
    known = Secret.objects.get(pk=mounted["id"])
    content = card(admin, environment)
    assert f"available to {known.reach}, used by {known.uses}" in content
    assert f"/environments/{environment.pk}/secrets/{known.pk}/value/" in content
    assert f"/environments/{environment.pk}/secrets/add/" in content
    assert "/secrets/add/" not in card(factories.client("Viewer"), environment)


def test_the_card_shows_every_way_to_mount_and_what_is_not_there_yet() -> None:
    scope = factories.ORGANIZATION
    spec = {
        "secrets": [
            {"id": "x", "name": "F", "filePath": "/f"},
            {"name": "G", "gitCredentialHost": "github.com"},
            {"name": "R", "containerRegistryBasicAuthHost": "https://r.example"},
            {"name": "P", "apiOnly": True, "credentialProxy": {"targetHosts": ["a.example"], "header": "X-Key"}},
        ]
    }
    environment = factories.environment(spec=spec, project_id=scope, secrets_in_sync=False)
    factories.secret(name="WAITING", scope_id=scope, mount_kind="file", mount_target="/w")
    factories.secret(name="ELSEWHERE")
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", card(factories.client("Admin"), environment)))
    for part in ("file /f", "git credentials of github.com", "container registry login of https://r.example",
                 "not mounted, API only", "credential proxy to a.example in header X-Key", "WAITING", "file /w",
                 "not yet: it comes when", "has older values"):  # fmt: skip
        assert part in said
    assert "ELSEWHERE" not in said


def test_a_poll_of_the_card_tells_of_a_new_secret() -> None:
    environment = factories.environment(project_id=factories.ORGANIZATION)
    client = factories.client("Admin")
    content = client.get(f"/environments/{environment.pk}/?tab=access").content.decode()
    poll = re.search(r'id="poller"\s+hx-get="([^"]+)"', content)
    assert poll
    url = poll[1].replace("&amp;", "&")
    assert client.get(url, headers=HTMX).status_code == 204
    factories.secret(name="BRAND_NEW", scope_id=factories.ORGANIZATION)
    assert "BRAND_NEW" in client.get(url, headers=HTMX).content.decode()


# The forms


def test_a_secret_is_added_from_the_page_of_an_environment(ona_read: Sandbox, admin: Client) -> None:
    environment = environment_with_secrets()
    url = f"/environments/{environment.pk}/secrets/add/"
    shown = text(admin.get(url))
    others = Environment.objects.present().filter(project_id=environment.project_id).count() - 1
    assert f"available to {others} other environment" in shown
    answer = admin.post(url, new_secret(scope=f"project:{environment.project_id}"))
    assert answer.status_code == 302
    assert answer["Location"] == f"/environments/{environment.pk}/?tab=access"
    operation = Operation.objects.get()
    assert (operation.outcome, operation.environment_id) == (Outcome.SUCCEEDED, environment.pk)
    assert ona_read.world.secret_matches(str(operation.target_id), "correct horse")
    assert "NEW_KEY" in card(admin, environment)


def test_a_file_is_taken_as_it_is(ona_read: Sandbox, admin: Client) -> None:
    key = "-----BEGIN KEY-----\r\nabc\n-----END KEY-----\n"
    project = Project.objects.order_by("id")[0]
    fields = new_secret(scope=f"project:{project.pk}", mount="file", file_path="/run/key", value="")
    fields["value_file"] = SimpleUploadedFile("key.pem", key.encode())
    answer = admin.post("/secrets/add/", fields)
    assert answer.status_code == 302, text(answer)
    secret = Secret.objects.get(name="NEW_KEY")
    assert ona_read.world.secret_matches(str(secret.pk), key)
    assert "Secret NEW_KEY added." in text(admin.get(answer["Location"]))


def test_a_scope_that_was_not_offered_is_not_taken(ona_read: Sandbox, admin: Client) -> None:
    environment = environment_with_secrets()
    other = Project.objects.exclude(pk=environment.project_id).order_by("id")[0]
    answer = admin.post(f"/environments/{environment.pk}/secrets/add/", new_secret(scope=f"project:{other.pk}"))
    assert answer.status_code == 422
    assert not Operation.objects.exists()


def test_a_new_value_and_a_deletion_say_whom_they_reach(ona_read: Sandbox, admin: Client) -> None:
    secret = Secret.objects.filter(scope_kind=ScopeKind.PROJECT, uses__gt=0).order_by("id")[0]
    for kind in ("value", "delete"):
        said = text(admin.get(f"/secrets/{secret.pk}/{kind}/"))
        assert f"Available to {secret.reach} environment" in said
        assert f"{secret.uses} environment" in said
    answer = admin.post(f"/secrets/{secret.pk}/value/", new_secret(value="other horse"))
    assert answer.status_code == 302
    assert ona_read.world.secret_matches(str(secret.pk), "other horse")


def test_a_deletion_wants_the_name_typed(ona_read: Sandbox, admin: Client) -> None:
    secret = Secret.objects.filter(scope_kind=ScopeKind.PROJECT).order_by("id")[0]
    url = f"/secrets/{secret.pk}/delete/"
    answer = admin.post(url, new_secret(typed_name="something"))
    assert answer.status_code == 422
    assert "This is not its name" in text(answer)
    assert admin.post(url, new_secret(typed_name=secret.name)).status_code == 302
    secret.refresh_from_db()
    assert secret.gone_at
    assert "It is deleted" in text(admin.get(url))


def test_a_refusal_keeps_what_was_typed_but_the_value(ona_read: Sandbox, admin: Client) -> None:
    secret = Secret.objects.filter(scope_kind=ScopeKind.PROJECT).order_by("id")[0]
    scope = f"project:{secret.scope_id}"
    answer = admin.post("/secrets/add/", new_secret(name=secret.name, scope=scope, reason="because of <this>"))
    assert answer.status_code == 422
    content = answer.content.decode()
    assert "It failed." in content
    assert "values are not kept" in content
    assert f'value="{secret.name}"' in content
    assert "because of &lt;this&gt;" in content
    assert "correct horse" not in content
    assert new_secret()["operation_id"] not in content


def test_an_unknown_end_leads_back_with_a_warning(ona_read: Sandbox, admin: Client, settings: Any) -> None:
    settings.ONA_ACTION_SECONDS = 0.5
    secret = Secret.objects.filter(scope_kind=ScopeKind.PROJECT).order_by("id")[0]
    ona_read.faults.inject("lost", rpc="UpdateSecretValue")
    answer = admin.post(f"/secrets/{secret.pk}/value/", new_secret(), follow=True)
    assert "unknown whether this was done" in text(answer)


def test_a_secret_nobody_knows_is_explained(admin: Client) -> None:
    answer = admin.get(f"/secrets/{factories.ORGANIZATION}/value/")
    assert answer.status_code == 404
    assert "has no record of a secret" in text(answer)


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Auditor"])
def test_nobody_else_changes_secrets(role: str) -> None:
    client, secret = factories.client(role), factories.secret()
    for url in ("/secrets/add/", f"/secrets/{secret.pk}/value/", f"/secrets/{secret.pk}/delete/"):
        assert client.post(url, new_secret()).status_code == 403


def test_a_secrets_page_names_the_running_environments_that_still_use_the_old_value(admin: Client) -> None:
    now = timezone.now()
    secret = factories.secret(name="STRIPE", scope_kind="organization", scope_id=factories.ORGANIZATION, updated_at=now)
    spec = {"secrets": [{"id": str(secret.pk)}]}
    before, after = now - timedelta(hours=1), now + timedelta(minutes=1)
    old = factories.environment(name="old", spec=spec, last_started_at=before)
    factories.environment(name="elsewhere", last_started_at=before)
    factories.environment(name="asleep", spec=spec, last_started_at=before, phase=Phase.STOPPED)
    factories.environment(name="restarted", spec=spec, last_started_at=after)
    rebuilt = factories.environment(name="rebuilt", spec=spec, last_started_at=before, secrets_in_sync=True)
    Sighting.objects.update_or_create(pk=rebuilt.pk, defaults={"seen_at": after})
    page = admin.get(f"/secrets/{secret.pk}/")
    assert "1 running environment still uses the old value" in text(page)
    assert not any(name in text(page) for name in ("elsewhere", "asleep", "restarted", "rebuilt"))
    link = re.search(r'href="([^"]+)">\s*Restart it…', page.content.decode())
    assert link
    plan = admin.get(html.unescape(link[1])).content.decode()
    assert re.findall(r'name="target"\s+value="([^"]+)" checked', plan) == [str(old.pk)]
    assert "Restart" not in factories.client("Viewer").get(f"/secrets/{secret.pk}/").content.decode()
    assert admin.get(f"/secrets/{old.pk}/").status_code == 404
