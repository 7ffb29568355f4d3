"""The palette finds every kind of thing by its name and by its id, and only what its reader may see."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.sync.summaries import refresh
from portal.directory.models import EnvironmentClass, Member, Project, Runner
from portal.lists.registry import LISTS
from tests.support import factories
from tests.support.automation_factories import execution, service, task
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
FRAGMENT = {"HX-Request": "true", "HX-Target": "found"}


def found(client: Client, text: str) -> Mapping[str, list[tuple[str, str]]]:
    """Label and address of each result, by kind."""
    groups = client.get("/find/", {"q": text}, headers=FRAGMENT).context["groups"]
    return {group.title: [(hit.label, hit.url) for hit in group.hits] for group in groups}


def test_each_kind_of_thing_is_found_by_name_and_by_id() -> None:
    now = timezone.now()
    directory = {"id": uuid.uuid4(), "first_seen_at": now, "seen_at": now}
    member = Member.objects.create(**directory, name="Zoë Quill", email="zq@example.com")
    project = Project.objects.create(**directory, name="quill-project")
    runner = Runner.objects.create(**directory, name="AWS Quillin")
    kind = EnvironmentClass.objects.create(**directory, name="Quill large")
    environment = factories.environment(name="brave-quill")
    secret = factories.secret(name="QUILL_TOKEN")
    run = execution(task(environment, "quill-build"))
    service(environment, "quill-db")
    refresh()
    asked = operation(target_name="brave-quill")
    factories.client("Admin")
    view = factories.saved_view("Quills that run")
    admin = factories.client("Admin")
    things = {
        "Environments": (environment.pk, reverse("environments:detail", args=[environment.pk])),
        "People": (member.pk, f"/members/{member.pk}/"),
        "Projects": (project.pk, f"/projects/{project.pk}/"),
        "Runners": (runner.pk, f"/runners/{runner.pk}/"),
        "Classes": (kind.pk, f"/classes/{kind.pk}/"),
        "Secrets": (secret.pk, "/secrets/?q=name%3AQUILL_TOKEN"),
        "Executions": (run.pk, reverse("automations:execution", args=[run.pk])),
        "Operations": (asked.pk, reverse("operations:detail", args=[asked.pk])),
        "Tasks": (None, "/automations/tasks/quill-build/"),
        "Services": (None, "/automations/services/quill-db/"),
        "Saved views": (None, reverse("accounts:view", args=[view.pk])),
    }
    by_name = found(admin, "quill")
    for kind_, (identity, url) in things.items():
        assert url in [address for _, address in by_name[kind_]], kind_
        assert admin.get(url).status_code in (200, 302), kind_
        if identity:
            assert url in [address for _, address in found(admin, str(identity)).get(kind_, [])], f"{kind_} by id"


def test_every_list_and_every_place_is_found_by_its_title() -> None:
    admin = factories.client("Admin")
    everything = dict(found(admin, "")["Pages and actions"])
    for listing in LISTS.values():
        if listing.saved:
            assert everything[listing.title] == reverse(listing.page_url)
    assert dict(found(admin, "new env")["Pages and actions"]) == {"New environment": "/environments/new/"}
    for label, url in everything.items():
        assert admin.get(url).status_code in (200, 302), label


def test_a_reader_finds_only_what_they_may_open() -> None:
    environment = factories.environment(name="brave-quill")
    asked = operation(target_name="brave-quill")
    for role in ("", "Viewer", "Operator", "Admin", "Auditor"):
        visitor = factories.client(role)
        for text in ("", "brave-quill", str(environment.pk), str(asked.pk)):
            for kind, hits in found(visitor, text).items():
                for label, url in hits:
                    assert visitor.get(url).status_code in (200, 302), f"{role or 'nobody'}: {kind} {label}"
    assert not found(factories.client(""), "brave-quill")


def test_what_is_typed_is_only_text() -> None:
    factories.environment(name="<img src=x>%_\\")
    viewer = factories.client("Viewer")
    for text in ("<img", "%_\\", "\0<img", "<" * 5_000, "' or 1=1", "  "):
        page = viewer.get("/find/", {"q": text})
        assert page.status_code == 200, text
        assert b"<img src=x>" not in page.content
    assert found(viewer, "%_\\")["Environments"]
    assert "Environments" not in found(viewer, "<i"), "two letters match nearly every row"


def test_finding_takes_as_many_queries_at_any_size(django_assert_num_queries) -> None:
    viewer = factories.client("Viewer")
    factories.environments(30, seed=3)
    # session, user, two for permissions, and one for each of eleven kinds
    with django_assert_num_queries(15):
        found(viewer, "ann")
    factories.environments(300, seed=4)
    with django_assert_num_queries(15):
        found(viewer, "ann")
