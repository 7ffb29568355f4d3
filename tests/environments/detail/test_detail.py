"""The page of one environment."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environments.models import Environment, Phase, Sighting, Transition
from portal.directory.models import Organization, PolicyVersion
from tests.support import factories
from tests.support.profiles import examples

pytestmark = pytest.mark.django_db
EXAMPLE = Path(__file__).parents[2] / "ona/data/get_environment.json"
TABS = ("overview", "content", "access", "documents")
HTMX = {"HX-Request": "true"}


def get(environment: Environment, tab: str = "overview", *, client: Client | None = None, **query: str) -> str:
    address = reverse("environments:detail", args=[environment.id])
    response = (client or factories.client()).get(address, {"tab": tab} | query)
    assert response.status_code == 200
    return response.content.decode()


def main(text: str) -> str:
    """The content of a page without tags and runs of blanks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[text.index('<main id="main"') :]))


def organization(**columns: Any) -> Organization:
    now = timezone.now()
    times = {"first_seen_at": now, "seen_at": now, "policies_seen_at": now}
    made = Organization.objects.create(**{"id": factories.ORGANIZATION, "name": "Acme"} | times | columns)
    PolicyVersion.objects.create(organization=made, seen_at=now, **columns)
    return made


def example() -> dict[str, Any]:
    """The parts of the documentation's example of GetEnvironment."""
    document = json.loads(EXAMPLE.read_text())["environment"]
    return {part: document[part] for part in ("metadata", "spec", "status")}


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_there_for_an_environment_of_which_nothing_is_known(tab: str) -> None:
    environment = factories.environment(metadata={}, spec={}, status={})
    assert "unknown" in get(environment, tab)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_there_for_the_documentation_s_example(tab: str) -> None:
    assert get(factories.environment(**example()), tab)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["port", "url", "id", "é<"]), inner),
    max_leaves=8,
)  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn) -> dict[str, Any]:
    """The documentation's example with some of its values replaced by others of any type."""

    def mangle(value: Any) -> Any:
        if draw(st.integers(0, 9)) == 0:
            return draw(json_values)
        if isinstance(value, dict):
            return {name: mangle(inner) for name, inner in value.items()}
        return [mangle(inner) for inner in value] if isinstance(value, list) else value

    return {name: mangle(part) or {} for name, part in example().items()}


@pytest.fixture
def viewer() -> Client:
    return factories.client()


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=mangled())
def test_no_document_however_odd_breaks_the_page(viewer: Client, document: dict[str, Any]) -> None:
    environment = factories.environment(**document)
    for tab in TABS:
        get(environment, tab, client=viewer)


def test_a_hostile_environment_has_no_effect_on_its_page() -> None:
    markup, reversed_text = "<script>alert(1)</script>", "\u202etxt.exe"
    links = ("javascript:alert(1)", "http://plain.example/", "https://user@evil.example/", "data:text/html,x")
    environment = factories.environment(
        name=markup + reversed_text,
        owner_name=markup,
        git_repository=links[0],
        failure=markup,
        status={
            "failureMessage": [markup],
            "machine": {"failureMessage": markup + reversed_text},
            "environmentUrls": {"logs": links[0], "ops": links[1], "supportBundle": links[2], "vmLiveUsage": links[3]},
            "content": {"git": {"cloneUrl": links[0], "unpushedCommits": [markup]}},
        },
        spec={"ports": [{"port": 3000, "name": markup}], "secrets": [{"name": markup, "filePath": markup}]},
        metadata={"annotations": {markup: markup}},
    )
    client = factories.client()
    for tab in TABS:
        text = get(environment, tab, client=client)
        assert "<script>alert" not in text
        assert not re.search(r'href="(javascript|http|data):', text)
        assert "user@evil.example/</a>" not in text
        assert re.search(r"<bdi[^>]*>[^<]*\[U\+202E\]txt", text)


def test_only_https_addresses_become_links() -> None:
    urls = [{"port": 3000, "url": "https://3000--x.example/"}, {"port": 4000, "url": "http://4000--x.example/"}]
    text = get(factories.environment(status={"environmentUrls": {"ports": urls}}))
    assert 'href="https://3000--x.example/"' in text
    assert "http://4000--x.example/" in text
    assert 'href="http://4000' not in text


def test_git_state_that_was_not_told_is_unknown_and_never_clean() -> None:
    text = main(get(factories.environment(status={"content": {"phase": "CONTENT_PHASE_READY"}}), "content"))
    assert "has not reported its git state" in text
    assert "Unpushed commits" not in text


def test_git_state_that_was_told_counts_what_is_not_listed_too() -> None:
    git = {"unpushedCommits": ["abc fix"], "totalUnpushedCommits": 7, "changedFiles": [{"path": "a.py"}]}
    text = main(get(factories.environment(status={"content": {"git": git}}), "content"))
    assert "Unpushed commits: 7" in text
    assert "Ona lists the first 1." in text
    assert "Changed files: 0" in text


@pytest.mark.parametrize(
    ("timeout", "words"),
    [
        ({"disconnected": "0s"}, "Never stops"),
        ({"disconnected": "5400s"}, "Stops after 1 h 30 min without use"),
        ({}, "Timeout unknown"),
        ({"disconnected": ["odd"]}, "Timeout unknown"),
    ],
)
def test_the_timeout_is_told_in_words(timeout: dict[str, Any], words: str) -> None:
    assert words in main(get(factories.environment(spec={"timeout": timeout})))


def test_a_phase_newer_than_the_portal_is_shown_raw() -> None:
    status = {"machine": {"phase": "PHASE_HIBERNATING"}, "content": {"phase": "CONTENT_PHASE_READY"}}
    text = main(get(factories.environment(phase="ENVIRONMENT_PHASE_HIBERNATING", status=status)))
    assert "ENVIRONMENT_PHASE_HIBERNATING" in text
    assert "Machine PHASE_HIBERNATING Content ready Devcontainer unknown" in text


def test_a_runner_that_is_behind_is_told_with_both_versions() -> None:
    newest = 2**64 - 1
    parts = {"spec": {"specVersion": str(newest)}, "status": {"runnerAck": {"specVersion": str(newest - 1)}}}
    columns = {"spec_version": newest, "runner_spec_version": newest - 1}
    text = main(get(factories.environment(**parts, **columns)))
    assert f"has not applied version {newest} of the specification yet; it is at {newest - 1}" in text


def test_a_wanted_phase_is_shown_only_where_it_differs() -> None:
    assert "desired: stopped" in main(get(factories.environment(desired_phase=Phase.STOPPED)))
    assert "wanted:" not in main(get(factories.environment(desired_phase=Phase.RUNNING)))


def test_a_secret_is_shown_by_name_with_the_state_it_has_in_the_environment() -> None:
    text = main(
        get(
            factories.environment(
                spec={"secrets": [{"id": "s1", "name": "NPM", "environmentVariable": "NPM_TOKEN", "value": "canary"}]},
                status={
                    "secrets": [
                        {"id": "s1", "phase": "CONTENT_PHASE_FAILED", "failureMessage": "no access"},
                        {"id": "s2", "secretName": "OLD", "phase": "CONTENT_PHASE_READY"},
                    ]
                },
            ),
            "access",
        )
    )
    assert "NPM" in text
    assert "environment variable NPM_TOKEN" in text
    assert "failed no access" in text
    assert "OLD" in text
    assert "canary" not in text


@pytest.mark.parametrize(("strict", "words"), [(True, "it cannot be started"), (False, "it can still be started")])
def test_a_lockdown_says_what_it_means_under_the_organization_s_policies(strict: bool, words: str) -> None:
    organization(maximum_environment_lifetime_strict=strict)
    environment = factories.environment(lockdown_at=timezone.now() - timedelta(hours=1))
    assert words in main(get(environment))


def test_what_a_lockdown_means_is_unknown_without_policies() -> None:
    environment = factories.environment(lockdown_at=timezone.now() - timedelta(hours=1))
    assert "Whether it can still be started is unknown" in main(get(environment))


def test_an_environment_that_is_gone_says_so_and_keeps_its_page() -> None:
    said = main(get(factories.environment(gone_at=timezone.now())))
    assert "The page shows its last recorded state; no action is available any more." in said


def test_archiving_is_forecast_only_from_a_stop_that_was_seen() -> None:
    organization(archive_environments_after=timedelta(days=5))
    environment = factories.environment(phase=Phase.STOPPED)
    assert "Stopped since unknown" in main(get(environment))
    now = timezone.now()
    Transition.objects.create(
        environment=environment, field="phase", old=Phase.RUNNING, new=Phase.STOPPED,
        old_seen_at=now - timedelta(hours=2), seen_at=now - timedelta(hours=1),
    )  # fmt: skip
    assert "Will be archived in 4 d" in main(get(environment))


@pytest.mark.parametrize("query", ["tab=nothing", "tab=documents&before=x", "tab=%00"])
def test_invalid_parameters_in_the_url_are_ignored(query: str) -> None:
    environment = factories.environment()
    response = factories.client().get(reverse("environments:detail", args=[environment.id]) + f"?{query}")
    assert response.status_code == 200


def test_an_unknown_id_is_not_found_and_says_what_to_do() -> None:
    response = factories.client().get(reverse("environments:detail", args=[uuid.uuid4()]))
    assert response.status_code == 404
    assert "appears after the next sync" in response.content.decode().replace("\n", " ")


@pytest.mark.parametrize("tab", TABS)
def test_a_page_costs_the_same_number_of_queries_whatever_is_on_it(tab: str) -> None:
    parts = example()
    parts["spec"] |= {"secrets": parts["spec"]["secrets"] * 40, "ports": parts["spec"]["ports"] * 40}
    ids = {name: uuid.uuid4() for name in ("runner_id", "class_id", "creator_id")}
    client = factories.client()
    failing = {"failure": "no image", "status": {"machine": {"failureMessage": "no image"}}}
    counts = [
        _queries(client, factories.environment(**ids, **failing), tab),
        _queries(client, factories.environment(**parts, **ids, failure="no image"), tab),
    ]
    assert counts[0] == counts[1] <= 25


def _queries(client: Client, environment: Environment, tab: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        get(environment, tab, client=client)
    return len(queries)


def poll_of(text: str) -> str:
    (address,) = re.findall(r'id="poller"[^>]*hx-get="([^"]+)"', text)
    return address.replace("&amp;", "&")


def test_a_poll_answers_204_until_something_is_new() -> None:
    environment, client = factories.environment(), factories.client()
    address = poll_of(get(environment, client=client))
    assert client.get(address, headers=HTMX).status_code == 204
    Environment.objects.update(name="renamed", changed_at=timezone.now())
    answer = client.get(address, headers=HTMX)
    assert answer.status_code == 200
    assert "renamed" in answer.content.decode()
    assert client.get(poll_of(answer.content.decode()), headers=HTMX).status_code == 204


def test_a_poll_after_a_mere_confirmation_swaps_the_head_alone() -> None:
    environment, client = factories.environment(), factories.client()
    address = poll_of(get(environment, client=client))
    Sighting.objects.update(seen_at=timezone.now() + timedelta(seconds=1))
    text = client.get(address, headers=HTMX).content.decode()
    assert 'id="environment-head"' in text
    assert 'id="environment"' not in text


def test_signed_out_visitors_see_nothing() -> None:
    response = Client().get(reverse("environments:detail", args=[factories.environment().id]))
    assert response.status_code == 302
    assert "sign-in" in response.headers["Location"]


def test_people_without_a_role_are_refused() -> None:
    response = factories.client("").get(reverse("environments:detail", args=[factories.environment().id]))
    assert response.status_code == 403
