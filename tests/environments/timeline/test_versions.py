"""Every version of a specification that was seen is kept, and told with who made it and why."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from environments.actions.lifecycle import stop_environment
from environments.actions.specification import edit_timeout
from environments.models import Environment, SpecificationVersion
from environments.sync.observe import observe
from environments.timeline import specification_versions
from environments.timeline.specification_versions import FIRST, OUTSIDE
from portal.ledger.models import Operation, Outcome
from portal.sandbox.server import Sandbox
from tests.browser import fleet
from tests.support import factories, operations
from tests.support.documents import ONE, at, observation
from tests.support.profiles import examples

pytestmark = pytest.mark.django_db


def spec(version: int, **fields: Any) -> dict[str, Any]:
    return {"specVersion": str(version), **fields}


def kept(id_: UUID = ONE) -> list[tuple[int, Any, Any]]:
    own = SpecificationVersion.objects.filter(environment_id=id_).order_by("spec_version")
    return [(int(row.spec_version), row.old_seen_at, row.seen_at) for row in own]


def version(number: int, *, minutes_ago: float, environment: Environment, **fields: Any) -> SpecificationVersion:
    """One that was first observed so many minutes ago, a minute after the look before."""
    seen_at = timezone.now() - timedelta(minutes=minutes_ago)
    return SpecificationVersion.objects.create(
        environment=environment, spec_version=number, spec=spec(number, **fields), seen_at=seen_at,
        old_seen_at=seen_at - timedelta(minutes=1),
    )  # fmt: skip


def test_the_first_version_and_each_later_one_are_kept_with_when_they_were_seen() -> None:
    observe([observation(seconds=0, spec=spec(3, ports=[{"port": 3000}]))])
    observe([observation(seconds=60, spec=spec(3, ports=[{"port": 3000}]))])
    observe([observation(seconds=120, spec=spec(5, timeout={"disconnected": "0s"}))])
    assert kept() == [(3, None, at(0)), (5, at(60), at(120))]
    specs = SpecificationVersion.objects.order_by("spec_version").values_list("spec", flat=True)
    assert list(specs) == [spec(3, ports=[{"port": 3000}]), spec(5, timeout={"disconnected": "0s"})]


def test_answers_again_late_or_with_other_parts_changed_keep_nothing_twice() -> None:
    documents = [
        observation(seconds=0, spec=spec(1)),
        observation(seconds=10, spec=spec(2)),
        observation(seconds=20, spec=spec(2), metadata={"name": "renamed"}),
        observation(seconds=5, spec=spec(1)),
    ]
    observe(documents)
    observe(documents)
    assert [number for number, _, _ in kept()] == [1, 2]


@settings(deadline=None, max_examples=examples(40))
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 100)), min_size=1, max_size=12))
def test_in_whatever_order_answers_arrive_the_highest_version_is_the_environment_s_own(
    answers: list[tuple[int, int]],
) -> None:
    with transaction.atomic():
        for number, seconds in answers:
            observe([observation(seconds=seconds, spec=spec(number))])
        found = [number for number, _, _ in kept()]
        assert found == sorted(set(found))
        assert max(found) == Environment.objects.get(pk=ONE).spec_version == max(number for number, _ in answers)
        assert all(old is None or old <= seen for _, old, seen in kept())
        transaction.set_rollback(True)


def test_the_largest_version_there_can_be_is_kept_and_compared() -> None:
    observe([observation(spec=spec(2**64 - 2)), observation(seconds=1, spec=spec(2**64 - 1))])
    assert [number for number, _, _ in kept()] == [2**64 - 2, 2**64 - 1]
    shown, older = specification_versions.list_versions(Environment.objects.get(), 10)
    assert ([each.number for each in shown], older) == ([2**64 - 1, 2**64 - 2], None)


def test_what_was_seen_can_be_neither_changed_nor_deleted() -> None:
    observe([observation(spec=spec(1))])
    with pytest.raises(DatabaseError, match="what was seen stays"), transaction.atomic():
        SpecificationVersion.objects.update(spec={})
    with pytest.raises(DatabaseError, match="what was seen stays"), transaction.atomic():
        SpecificationVersion.objects.all().delete()
    assert len(kept()) == 1


def test_a_sweep_keeps_the_specification_of_every_environment(sandbox: Sandbox) -> None:
    fleet.read_environments(sandbox)
    found = dict(SpecificationVersion.objects.values_list("environment_id", "spec"))
    assert found == dict(Environment.objects.values_list("id", "spec"))
    assert len(found) == 40


@pytest.mark.django_db(transaction=True)
def test_a_version_that_was_asked_for_through_the_portal_names_who_and_why(sandbox: Sandbox) -> None:
    fleet.read_environments(sandbox)
    environment = Environment.objects.running().order_by("id")[0]
    actor = factories.user("Admin", username="ada")
    before = int(environment.spec_version)
    edited = edit_timeout(environment=environment, disconnected=timedelta(hours=1), actor=actor, reason="long builds")
    stopped = stop_environment(environment=environment, actor=actor, reason="cost")
    assert (edited.outcome, stopped.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)
    shown, _ = specification_versions.list_versions(environment, 10)
    told = {each.number: (each.origin.who, each.origin.why) for each in shown}
    assert told == {before + 2: ("ada", "cost"), before + 1: ("ada", "long builds"), before: ("", "")}
    paths = {each.number: {change.path for change in each.changes} for each in shown}
    assert "timeout.disconnected" in paths[before + 1]
    assert "desiredPhase" in paths[before + 2]


@pytest.mark.django_db(transaction=True)
def test_a_version_that_nobody_asked_for_here_is_from_outside_the_portal(sandbox: Sandbox) -> None:
    fleet.read_environments(sandbox)
    environment = Environment.objects.running().order_by("id")[0]
    sandbox.world.change(str(environment.pk), spec={"timeout": {"disconnected": "7200s"}})
    fleet.read_environments(sandbox)
    shown, _ = specification_versions.list_versions(environment, 10)
    assert [each.origin.words for each in shown] == [OUTSIDE, FIRST]


def asked(environment: Environment, before: int, after: int | None, **columns: Any) -> Operation:
    return operations.operation(
        "environment.edit_timeout",
        environment_id=environment.pk,
        target_id=environment.pk,
        before={"specVersion": str(before)},
        after={} if after is None else {"specVersion": str(after)},
        **columns,
    )


def origin_of(row: SpecificationVersion, *known: Operation) -> specification_versions.Origin:
    return specification_versions.find_origin(row, known)


def test_an_operation_that_read_the_version_back_made_it_and_no_other() -> None:
    environment = factories.environment()
    row = version(5, minutes_ago=4.99, environment=environment)
    made, other = asked(environment, 4, 5), asked(environment, 3, 4)
    assert origin_of(row, other, made).operation == made
    assert origin_of(row, other).words == OUTSIDE


def test_one_that_was_sent_after_the_version_was_seen_did_not_make_it() -> None:
    environment = factories.environment()
    row = version(5, minutes_ago=10, environment=environment)
    assert origin_of(row, asked(environment, 4, 5)).words == OUTSIDE


def test_one_whose_answer_was_lost_or_that_lies_further_below_may_have_made_it() -> None:
    environment = factories.environment()
    row = version(5, minutes_ago=4, environment=environment)
    for operation in (
        asked(environment, 4, None, outcome=Outcome.UNKNOWN, is_open=True),
        asked(environment, 4, None),
        asked(environment, 3, 5),
    ):
        assert "perhaps" in origin_of(row, operation).words
        assert origin_of(row, operation).operation == operation


@pytest.fixture
def viewer() -> Client:
    return factories.client()


def get(client: Client, environment: Environment, **query: Any) -> str:
    answer = client.get(reverse("environments:specification", args=[environment.pk]), query)
    assert answer.status_code == 200
    text = answer.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[text.index('<main id="main"') :]))


def test_any_two_versions_are_held_against_each_other_field_by_field(viewer: Client) -> None:
    environment = factories.environment()
    version(1, minutes_ago=30, environment=environment, ports=[{"port": 3000, "name": "web"}], admission="A")
    version(2, minutes_ago=20, environment=environment, ports=[{"port": 3000, "name": "shop"}], admission="A")
    version(4, minutes_ago=10, environment=environment, ports=[{"port": 3000, "name": "shop"}])
    text = get(viewer, environment, **{"from": "1", "to": "4"})
    assert "Version 1 and version 4" in text
    assert "ports[3000].name changed web shop" in text
    assert "admission removed A absent" in text
    assert "specVersion" not in text
    assert "1 version between was not observed" in text
    assert "unknown: the first recorded" in text


def test_a_page_without_choice_compares_the_two_newest_and_a_version_never_seen_is_named(viewer: Client) -> None:
    environment = factories.environment()
    version(1, minutes_ago=30, environment=environment)
    version(2, minutes_ago=20, environment=environment)
    assert "Version 1 and version 2" in get(viewer, environment)
    assert "Version 7 was not observed" in get(viewer, environment, **{"from": "1", "to": "7"})


def test_versions_far_apart_are_compared_by_their_numbers(viewer: Client) -> None:
    environment = factories.environment()
    for number in range(1, 61):
        version(number, minutes_ago=100 - number, environment=environment, ports=[{"port": number}])
    text = get(viewer, environment, **{"from": " 2 ", "to": "60"})
    assert "Version 2 and version 60" in text
    assert "ports[2].port removed 2 absent" in text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("7", "Version 7 was not observed. Those that it has seen lie between 1 and 9."),
        ("99999999999999999999", "A version is a whole number, such as 12."),
        ("<b>", "A version is a whole number, such as 12."),
        ("", "Say which version."),
        (None, "Say which version."),
    ],
)
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_number_that_is_none_is_told_beside_it_and_what_was_typed_stays(
    viewer: Client, name: str, typed: str | None, said: str
) -> None:
    environment = factories.environment()
    version(1, minutes_ago=30, environment=environment)
    version(9, minutes_ago=20, environment=environment)
    asked_for = {"from": "1", "to": "9", name: typed}
    query = {name: text for name, text in asked_for.items() if text is not None}
    text = viewer.get(reverse("environments:specification", args=[environment.pk]), query).content.decode()
    (field,) = re.findall(rf'<input type="text" name="{name}"[^>]+>', text)
    assert 'aria-invalid="true"' in field
    assert f'aria-describedby="id_{name}_error"' in field
    assert f'value="{html.escape(typed)}"' in field if typed else "value=" not in field
    (error,) = re.findall(r'<div class="field-error" id="([^"]+)">([^<]+)</div>', text)
    assert error == (f"id_{name}_error", said)
    assert 'id="compared"' not in text


def test_versions_are_listed_page_by_page_each_once(viewer: Client) -> None:
    environment = factories.environment()
    for number in range(60):
        version(number, minutes_ago=100 - number, environment=environment, ports=[{"port": number}])
    address, found = reverse("environments:specification", args=[environment.pk]), []
    while address:
        text = viewer.get(address).content.decode()
        found += [int(number) for number in re.findall(r'type="radio"\s+name="to"\s+value="(\d+)"', text)]
        older = re.findall(r'href="([^"]+)">Older', text)
        address = older[0] if older else ""
    assert found == list(range(59, -1, -1))


@pytest.mark.parametrize("query", ["from=x&to=-1", "below=zzz", "from=99999999999999999999&to=1", "below=" + "9" * 30])
def test_invalid_parameters_in_the_url_are_ignored(viewer: Client, query: str) -> None:
    environment = factories.environment()
    version(1, minutes_ago=30, environment=environment)
    assert viewer.get(f"{reverse('environments:specification', args=[environment.pk])}?{query}").status_code == 200


def test_an_environment_of_which_no_version_was_kept_says_so(viewer: Client) -> None:
    assert "No version recorded yet" in get(viewer, factories.environment())


def test_the_page_takes_as_many_queries_for_many_versions_as_for_few(viewer: Client, django_assert_num_queries) -> None:
    few, many = factories.environment(), factories.environment()
    for environment, count in ((few, 2), (many, 40)):
        for number in range(count):
            version(number, minutes_ago=100 - number, environment=environment)
            asked(environment, number - 1, number)
    with CaptureQueriesContext(connection) as queries:
        get(viewer, few)
    with django_assert_num_queries(len(queries)):
        get(viewer, many)
