"""The page that asks for a new environment."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from gitpod.v1 import environment_pb2
from hypothesis import given
from hypothesis import strategies as st

from environments.actions.forms.creation import LONGEST_NAME, CreationForm
from environments.actions.reconcile import settle_operations
from environments.models import Environment
from portal.directory.connection import ona
from portal.directory.models import EnvironmentClass, Organization, Project
from portal.directory.sync import sync_directory
from portal.ledger.models import Operation, Outcome
from portal.sandbox.refusals import Refused
from portal.sandbox.server import Sandbox
from portal.sandbox.validation import Validation
from portal.sandbox.world import World
from tests.support import factories
from tests.support.databases import SharedRows

pytestmark = pytest.mark.django_db
CREATE = "EnvironmentService/CreateEnvironment"
FROM_PROJECT = "EnvironmentService/CreateEnvironmentFromProject"
URL = "https://github.com/django/django"
NEW = "/environments/new/"


@pytest.fixture
def admin() -> User:
    return factories.user("Admin", username="ann")


@pytest.fixture
def client(admin: User) -> Client:
    return factories.signed_in_as(admin)


_DIRECTORY = SharedRows(lambda: sync_directory(ona()), "directory_")


@pytest.fixture
def known(connect: Callable[..., Any]) -> Iterator[Sandbox]:
    """An organization whose directory is in the cache."""
    with connect(World(environments=40, seed=11, now=_DIRECTORY.at())) as sandbox:
        _DIRECTORY.put()
        yield sandbox


def text(answer: Any) -> str:
    """The content of a page without tags and runs of blanks."""
    page: str = answer.content.decode()
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index('<main id="main"') :])))


def from_url(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    class_id = sandbox.world.organization.classes[0]["id"]
    return {
        "operation_id": str(uuid.uuid4()), "way": "url", "url": URL, "environment_class": class_id, "name": "mine",
    } | more  # fmt: skip


def from_project(sandbox: Sandbox, **more: Any) -> dict[str, Any]:
    project = sandbox.world.organization.projects[0]["metadata"]["name"]
    return {"operation_id": str(uuid.uuid4()), "way": "project", "project": project} | more


def page_of(operation: Operation) -> str:
    return reverse("environments:detail", args=[operation.environment_id])


def test_one_is_made_from_an_address_and_its_page_opens(known: Sandbox, client: Client) -> None:
    answer = client.post(NEW, from_url(known, reason="a new colleague"), follow=True)
    operation = Operation.objects.get()
    assert answer.redirect_chain[-1][0] == page_of(operation)
    assert (operation.outcome, operation.reason) == (Outcome.SUCCEEDED, "a new colleague")
    assert "mine" in text(answer)


def test_one_is_made_from_a_project_and_its_page_opens(known: Sandbox, client: Client) -> None:
    answer = client.post(NEW, from_project(known), follow=True)
    operation = Operation.objects.get()
    assert answer.redirect_chain[-1][0] == page_of(operation)
    project = Environment.objects.get(pk=operation.environment_id).project_id
    assert str(project) == known.world.organization.projects[0]["id"]


def test_what_is_typed_for_the_other_way_does_not_matter(known: Sandbox, client: Client) -> None:
    client.post(NEW, from_project(known, url="nonsense", branch="..", environment_class="nonsense"))
    client.post(NEW, from_url(known, project="nonsense", project_class="nonsense"))
    assert [operation.action for operation in Operation.objects.order_by("asked_at")] == [
        "environment.create_from_project",
        "environment.create",
    ]


def test_the_form_sent_twice_makes_one(known: Sandbox, client: Client) -> None:
    form = from_url(known)
    first, second = (client.post(NEW, form, follow=True).redirect_chain[-1][0] for _ in range(2))
    assert first == second
    assert known.requests[CREATE] == 1


def test_a_class_of_another_project_is_refused_before_ona_is_asked(known: Sandbox, client: Client) -> None:
    offered = Project.objects.get(pk=known.world.organization.projects[0]["id"]).document["environmentClasses"]
    ids = {each["environmentClassId"] for each in offered}
    other = next(each["id"] for each in known.world.organization.classes if each["id"] not in ids)
    answer = client.post(NEW, from_project(known, project_class=other, name="mine"))
    assert answer.status_code == 422
    assert "This class is not offered" in text(answer)
    assert known.requests[FROM_PROJECT] == 0
    own = [each["environmentClassId"] for each in offered][1]
    assert f'value="{own}"' in answer.content.decode()  # now that the project is known


def test_the_classes_follow_the_project(known: Sandbox, client: Client) -> None:
    project = known.world.organization.projects[0]
    headers = {"HX-Request": "true", "HX-Target": "project-classes"}
    answer = client.get(NEW, {"project": project["metadata"]["name"]}, headers=headers).content.decode()
    first, second = (each["environmentClassId"] for each in project["environmentClasses"])
    assert f'value="{second}"' in answer
    assert f'value="{first}"' not in answer  # it is the default, which is sent by sending none
    assert EnvironmentClass.objects.get(pk=first).description in answer
    assert "<form" not in answer


def test_a_chosen_class_stays_when_the_project_is_looked_up_again(known: Sandbox, client: Client) -> None:
    project = known.world.organization.projects[0]
    second = project["environmentClasses"][1]["environmentClassId"]
    headers = {"HX-Request": "true", "HX-Target": "project-classes"}
    asked = {"project": project["metadata"]["name"], "project_class": second}
    answer = client.get(NEW, asked, headers=headers).content.decode()
    assert f'<option value="{second}" selected>' in answer


def test_projects_are_found_by_a_part_of_their_name_or_repository_and_chosen(known: Sandbox, client: Client) -> None:
    projects = list(Project.objects.order_by("name", "id"))
    first, headers = projects[0], {"HX-Request": "true", "HX-Target": "browse"}
    wanted = {"": projects[:20], first.name.upper(): [first], f" {first.repository}": [first], "zzz": []}
    for query, found in wanted.items():
        for of in ({}, headers):  # without scripts, and with them
            page = client.get(NEW, {"find": query}, headers=of).content.decode()
            links = re.findall(r'<a href="/environments/new/\?project=([^"]+)"', page)
            assert links == [str(each.pk) for each in found], query
            assert ("<form" in page) is not bool(of), query
            assert ("The first 20 of" in page) is (query == ""), query
    chosen = client.get(NEW, {"project": first.pk}).content.decode()
    assert re.search(f'name="project"[^>]*value="{first.name}"', chosen)
    part = client.get(NEW, {"project": first.pk}, headers=headers | {"HX-Target": "project"}).content.decode()
    assert part.strip().startswith('<div id="project">')
    assert f'aria-current="true"><bdi>{first.name}' in part


def test_only_enabled_classes_are_offered(known: Sandbox, client: Client) -> None:
    page = client.get(NEW).content.decode()
    for each in known.world.organization.classes:
        assert (f'value="{each["id"]}"' in page) is each.get("enabled", False)
    groups = re.findall(r'<optgroup label="([^"]*)">(.*?)</optgroup>', client.get(NEW).content.decode(), re.DOTALL)
    assert groups
    for runner, inside in groups:
        assert all(label.strip().endswith(f"· {runner}") for label in re.findall(r"<option[^>]*>([^<]*)<", inside))


def test_projects_of_one_name_are_told_apart(known: Sandbox, client: Client) -> None:
    one, other = Project.objects.order_by("name")[:2]
    Project.objects.filter(pk__in=[one.pk, other.pk]).update(name="twin", repository="https://x.example/y")
    assert "choose one of the list" in text(client.post(NEW, from_project(known, project="twin")))
    client.post(NEW, from_project(known, project=str(other.pk)))
    client.post(NEW, from_project(known, project=f"twin · https://x.example/y · {one.pk}"))
    asked = [operation.request["projectId"] for operation in Operation.objects.order_by("asked_at")]
    assert asked == [str(other.pk), str(one.pk)]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"url": ""}, "Choose where its content comes from."),
        ({"url": "github.com/django/django"}, "Enter a full address"),
        ({"url": "ftp://github.com/django"}, "Enter a full address"),
        ({"url": "https://"}, "Enter a full address"),
        ({"url": "https://github.com:port/"}, "Enter a full address"),
        ({"url": "https://[/"}, "Enter a full address"),
        ({"url": "https://github.com/a b"}, "Enter a full address"),
        ({"url": "https://token@github.com/a/b"}, "Leave out the part before the @"),
        ({"branch": "two words"}, "not a valid name of a branch"),
        ({"branch": "-x"}, "not a valid name of a branch"),
        ({"branch": "a..b"}, "not a valid name of a branch"),
        ({"environment_class": ""}, "Choose the kind of machine"),
        ({"environment_class": str(uuid.UUID(int=1))}, "This class is not offered"),
        ({"environment_class": "nonsense"}, "This class is not offered"),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"way": "project", "project": ""}, "Choose a project."),
        ({"way": "project", "project": "nobody's"}, "No project has this name"),
        ({"way": "sideways"}, "Select a valid choice"),
        ({"reason": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_what_cannot_be_right_is_told_at_once_and_everything_typed_is_kept(
    form: dict[str, str], message: str, known: Sandbox, client: Client
) -> None:
    sent = from_url(known, branch="stable", reason="because <b>") | form
    answer = client.post(NEW, sent)
    assert answer.status_code == 422
    assert message in text(answer)
    page = unescape(answer.content.decode())
    for name in {"url", "branch", "name", "project"} & set(sent):
        assert not sent[name] or f'value="{sent[name]}"' in page, name
    assert sent["reason"] in page
    assert (known.requests[CREATE], Operation.objects.count()) == (0, 0)


def test_a_refusal_of_onas_is_told_above_the_form_and_the_next_try_is_another_one(
    known: Sandbox, client: Client
) -> None:
    sent = from_url(known, url="https://git.private.example/platform/vault", branch="main", reason="to look")
    answer = client.post(NEW, sent)
    assert answer.status_code == 422
    assert "Nothing was created." in text(answer)
    assert "Not signed in to: git.private.example." in text(answer)
    page = answer.content.decode()
    assert sent["operation_id"] not in page
    assert 'value="https://git.private.example/platform/vault"' in page
    assert f'value="{sent["environment_class"]}" selected' in page
    assert "to look" in page


def test_a_lost_answer_is_told_with_ways_to_follow_it_until_the_page_opens(known: Sandbox, client: Client) -> None:
    known.faults.inject("reset_after", rpc=CREATE)
    sent = from_url(known)
    answer = client.post(NEW, sent, follow=True)
    operation = Operation.objects.get()
    assert "It is unknown whether it was created." in text(answer)
    page = answer.content.decode()
    assert reverse("operations:detail", args=[operation.pk]) in page
    assert reverse("environments:list") in page
    assert f'hx-get="{NEW}?operation={operation.pk}"' in page
    assert known.requests[CREATE] == 1

    settle_operations()
    operation.refresh_from_db()
    follow = {"operation": str(operation.pk)}
    assert client.get(NEW, follow)["Location"] == page_of(operation)
    assert client.get(NEW, follow, headers={"HX-Request": "true"})["HX-Redirect"] == page_of(operation)


def test_one_that_was_not_created_after_all_can_be_asked_for_again(known: Sandbox, client: Client) -> None:
    known.faults.inject("reset", rpc=FROM_PROJECT)
    own = known.world.organization.projects[0]["environmentClasses"][1]["environmentClassId"]
    client.post(NEW, from_project(known, name="mine", project_class=own))
    operation = Operation.objects.get()
    Operation.objects.update(closed_at=operation.asked_at, outcome=Outcome.FAILED, explanation="Nothing was made.")
    answer = client.get(NEW, {"operation": str(operation.pk)})
    assert "It was not created." in text(answer)
    assert "every 2s" not in answer.content.decode()
    assert f"?again={operation.pk}" in answer.content.decode()
    page = client.get(NEW, {"again": str(operation.pk)}).content.decode()
    assert 'value="mine"' in page
    assert f'value="{own}" selected' in page
    assert str(operation.pk) not in page


@pytest.mark.parametrize("parameter", ["operation", "again"])
def test_the_operations_of_others_are_not_followed_here(parameter: str, known: Sandbox, client: Client) -> None:
    other = factories.client("Admin")
    other.post(NEW, from_url(known))
    for text_ in (str(Operation.objects.get().pk), str(uuid.uuid4()), "nonsense"):
        assert client.get(NEW, {parameter: text_}).status_code == 404


def test_the_page_says_whose_it_will_be_and_what_the_policies_say(known: Sandbox, client: Client) -> None:
    Organization.objects.update(
        policies={"membersRequireProjects": True, "disableFromScratch": True, "maximumEnvironmentsPerUser": "40"}
    )
    page = text(client.get(NEW))
    assert f"belong to {known.world.organization.admin()['fullName']} at Ona" in page
    assert "Members may only use projects" in page
    assert "from scratch" in page
    assert "40 environments at most" in page


def test_the_form_is_there_when_ona_does_not_answer(known: Sandbox, client: Client) -> None:
    known.faults.inject("error503", rpc="IdentityService/GetAuthenticatedIdentity")
    answer = client.get(NEW)
    assert answer.status_code == 200
    assert "Ona does not report who that is" in text(answer)


def test_policies_nobody_has_read_are_unknown(sandbox: Sandbox, client: Client) -> None:
    assert "policies are unknown" in text(client.get(NEW))


def test_the_list_leads_there_and_says_who_may_not(known: Sandbox, client: Client) -> None:
    assert f'href="{NEW}"' in client.get("/environments/").content.decode()
    viewer = factories.client("Viewer").get("/environments/")
    assert f'href="{NEW}"' not in viewer.content.decode()
    assert "your roles do not let you create environments" in text(viewer)


# The vendor's rules


def accepted(**request: Any) -> bool:
    """Whether Ona takes it, by the rules in the vendor's descriptors."""
    try:
        Validation().check(environment_pb2.CreateEnvironmentRequest(**request))
    except Refused:
        return False
    return True


def test_the_longest_name_is_the_vendors() -> None:
    for request in (environment_pb2.CreateEnvironmentRequest, environment_pb2.CreateEnvironmentFromProjectRequest):
        rules = {
            field.full_name: rule for field, rule in request.DESCRIPTOR.fields_by_name["name"].GetOptions().ListFields()
        }
        assert rules["buf.validate.field"].string.max_len == LONGEST_NAME
    assert accepted(name="é" * LONGEST_NAME)
    assert not accepted(name="é" * (LONGEST_NAME + 1))


addresses = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"https?://[ -~]{0,30}", fullmatch=True),
    st.from_regex(r"https?://[a-z0-9.:\[\]@%]{1,12}/[ -~é]{0,20}", fullmatch=True),
)


@given(addresses)
def test_an_address_the_form_takes_the_vendor_takes_too(url: str) -> None:
    form = CreationForm({"operation_id": str(uuid.uuid4()), "way": "url", "url": url})
    if form.data["url"] and "url" not in form.errors:
        initializer = {"specs": [{"context_url": {"url": form.cleaned_data["url"]}}]}
        assert accepted(spec={"content": {"initializer": initializer}}), url
