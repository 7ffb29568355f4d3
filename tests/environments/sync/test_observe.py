import json
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from environments.as_of import past
from environments.models import Environment, Field, Sighting, Transition
from environments.sync.observe import mark_deleted, observe
from portal.ona.documents.environments import Observation, read_environment
from tests.support.documents import ONE, at, observation
from tests.support.profiles import examples

pytestmark = pytest.mark.django_db
TWO = UUID("11111111-65a5-4d98-b532-8ea67b188048")
RUNNING = {"statusVersion": "5", "phase": "ENVIRONMENT_PHASE_RUNNING"}
STOPPED = {"statusVersion": "6", "phase": "ENVIRONMENT_PHASE_STOPPED"}


def transitions(id_: UUID = ONE) -> list[tuple[str, str, str]]:
    return list(Transition.objects.filter(environment_id=id_).order_by("id").values_list("field", "old", "new"))


def test_a_new_environment_is_stored_completely_without_transitions() -> None:
    outcome = observe([observation(status=RUNNING | {"aFieldOfTomorrow": [1, {"x": None}]})])
    environment = Environment.objects.get()
    assert outcome.changed == 1
    assert environment.status == RUNNING | {"aFieldOfTomorrow": [1, {"x": None}]}
    assert environment.phase == "ENVIRONMENT_PHASE_RUNNING"
    assert environment.first_seen_at == environment.sighting.seen_at == at(0)
    assert transitions() == []


def test_the_example_of_the_documentation_is_stored_without_loss() -> None:
    example = json.loads((Path(__file__).parents[2] / "ona/data/get_environment.json").read_text())["environment"]
    # where it says "id" and "specVersion" for the value, the documentation only names the field
    example["id"], example["spec"]["specVersion"], example["status"]["statusVersion"] = str(ONE), "1", "1"
    example["status"]["runnerAck"]["specVersion"] = "1"
    observe([Observation(at(0), read_environment(json.dumps(example).encode()))])
    environment = Environment.objects.get()
    assert {part: getattr(environment, part) for part in ("metadata", "spec", "status")} == {
        part: example[part] for part in ("metadata", "spec", "status")
    }


def test_a_transition_records_when_each_state_was_seen() -> None:
    observe([observation(seconds=0, status=RUNNING)])
    observe([observation(seconds=60, status=RUNNING)])
    observe([observation(seconds=120, status=STOPPED)])
    transition = Transition.objects.get()
    assert (transition.field, transition.old, transition.new) == (Field.PHASE, RUNNING["phase"], STOPPED["phase"])
    assert (transition.old_seen_at, transition.seen_at) == (at(60), at(120))


def test_a_late_answer_does_not_undo_a_newer_one() -> None:
    observe([observation(seconds=10, status=STOPPED, metadata={"name": "new"})])
    outcome = observe([observation(seconds=5, status=RUNNING, metadata={"name": "old"})])
    environment = Environment.objects.get()
    assert outcome.changed == 0
    assert (environment.name, environment.phase) == ("new", STOPPED["phase"])
    assert transitions() == []


def test_a_late_answer_does_not_undo_a_state_that_was_confirmed_since() -> None:
    observe([observation(seconds=0, metadata={"name": "same"})])
    observe([observation(seconds=20, metadata={"name": "same"})])
    observe([observation(seconds=10, metadata={"name": "other"})])
    assert Environment.objects.get().name == "same"


def test_each_part_is_merged_by_its_own_order() -> None:
    observe([observation(seconds=10, metadata={"name": "late"}, spec={"specVersion": "9"}, status=STOPPED)])
    observe([observation(seconds=5, metadata={"name": "early"}, spec={"specVersion": "10"}, status=RUNNING)])
    environment = Environment.objects.get()
    assert (environment.name, environment.spec_version, environment.phase) == ("late", 10, STOPPED["phase"])


def test_versions_are_compared_as_unsigned_64_bit_integers() -> None:
    observe([observation(spec={"specVersion": "18446744073709551614", "desiredPhase": "a"})])
    observe([observation(seconds=1, spec={"specVersion": "18446744073709551615", "desiredPhase": "b"})])
    observe([observation(seconds=2, spec={"specVersion": "9", "desiredPhase": "c"})])
    environment = Environment.objects.get()
    assert (environment.spec_version, environment.desired_phase) == (2**64 - 1, "b")


def test_every_kind_of_change_is_a_transition_of_its_own() -> None:
    observe([observation(metadata={"lockdownAt": "2026-05-01T00:00:00Z"}, status=RUNNING)])
    status = {
        "statusVersion": "6",
        "phase": "ENVIRONMENT_PHASE_UPDATING",
        "failureMessage": ["no space left"],
        "machine": {"phase": "PHASE_STARTING", "failureMessage": "quota"},
        "content": {"phase": "CONTENT_PHASE_READY"},
        "devcontainer": {"phase": "PHASE_FAILED"},
        "automationsFile": {"phase": "CONTENT_PHASE_READY"},
    }
    observe([observation(seconds=1, metadata={"archivedAt": "2026-03-01T00:00:00Z"}, status=status)])
    assert set(transitions()) == {
        ("phase", "ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_UPDATING"),
        ("machine_phase", "", "PHASE_STARTING"),
        ("content_phase", "", "CONTENT_PHASE_READY"),
        ("devcontainer_phase", "", "PHASE_FAILED"),
        ("automations_phase", "", "CONTENT_PHASE_READY"),
        ("failure", "", "no space left\nmachine: quota"),
        ("archived_at", "", "2026-03-01T00:00:00.000000Z"),
        ("lockdown_at", "2026-05-01T00:00:00.000000Z", ""),
    }


def test_an_environment_that_is_twice_in_a_batch_is_merged_in_order() -> None:
    observe([observation(status=RUNNING), observation(seconds=1, status=STOPPED), observation(TWO, 1)])
    assert transitions() == [("phase", RUNNING["phase"], STOPPED["phase"])]
    assert Environment.objects.count() == 2


def test_text_that_postgres_cannot_store_does_not_lose_the_document() -> None:
    observe([observation(metadata={"name": "nul \0 and <b>bold</b> \u202e"})])
    environment = Environment.objects.get()
    assert environment.name == environment.metadata["name"] == "nul \ufffd and <b>bold</b> \u202e"


def test_a_document_that_cannot_be_stored_is_refused_and_the_others_are_merged() -> None:
    misplaced = {"createdAt": "0001-01-01T00:00:00+23:59"}  # no time zone that Postgres knows
    outcome = observe([observation(metadata=misplaced), observation(TWO)])
    assert (outcome.changed, outcome.refused) == (1, 1)
    assert Environment.objects.get().id == TWO


def test_unchanged_documents_are_not_written() -> None:
    observe([observation(status=RUNNING)])
    written = Environment.objects.get().changed_at
    assert observe([observation(seconds=60, status=RUNNING)]).changed == 0
    assert Environment.objects.get().changed_at == written
    assert Sighting.objects.get().seen_at == at(60)


def test_late_answers_do_not_restore_a_deleted_environment_but_later_ones_do() -> None:
    observe([observation(seconds=0)])
    assert mark_deleted([ONE], at(10)) == 1
    observe([observation(seconds=5, metadata={"name": "late"})])
    assert Environment.objects.get().gone_at == at(10)
    observe([observation(seconds=20)])
    assert Environment.objects.get().gone_at is None
    assert [(field, bool(old), bool(new)) for field, old, new in transitions()] == [
        ("gone_at", False, True),
        ("gone_at", True, False),
    ]


def test_an_environment_seen_after_the_request_is_not_marked_as_deleted() -> None:
    observe([observation(seconds=20)])
    assert mark_deleted([ONE], at(10)) == 0


PHASES = ("ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_STOPPED", "ENVIRONMENT_PHASE_OF_TOMORROW", "")


@st.composite
def lives(draw: st.DrawFn) -> list[Observation]:
    """What would be observed of one environment at successive moments: versions only rise, metadata may flip back."""
    identity, spec, status = draw(st.builds(uuid4)), 0, 0  # versions of another life would stay
    observed, phase = [], PHASES[0]
    for moment in range(1, draw(st.integers(1, 8)) + 1):
        spec += draw(st.sampled_from([0, 0, 1, 2**60]))
        if draw(st.booleans()):
            status, phase = status + draw(st.integers(1, 9)), draw(st.sampled_from(PHASES))
        lockdown = draw(st.sampled_from([None, "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"]))
        metadata = {"name": draw(st.sampled_from("ab"))} | ({"lockdownAt": lockdown} if lockdown else {})
        observed.append(
            observation(
                identity,
                seconds=moment,
                metadata=metadata,
                spec={"specVersion": str(spec), "desiredPhase": f"at {spec}"},
                status={"statusVersion": str(status), "phase": phase},
            )
        )
    return observed


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Observation], list[list[Observation]]]:
    """A life, and its observations shuffled, some repeated, cut into batches."""
    life = draw(lives())
    arriving = draw(st.permutations(life + draw(st.lists(st.sampled_from(life), max_size=6))))
    cuts = draw(st.lists(st.integers(0, len(arriving)), max_size=4).map(sorted))
    edges = [0, *cuts, len(arriving)]
    return life, [arriving[low:high] for low, high in pairwise(edges)]


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deliveries())
def test_in_any_order_the_table_has_the_newest_parts_and_transitions_are_consecutive(
    delivery: tuple[list[Observation], list[list[Observation]]],
) -> None:
    Environment.objects.all().delete()
    life, batches = delivery
    for batch in batches:
        observe(batch)
        observe(batch)
    newest = life[-1].document
    environment = Environment.objects.get()
    assert environment.metadata == json.loads(newest.metadata.raw)
    assert environment.spec == json.loads(newest.spec.raw)
    assert environment.status == json.loads(newest.status.raw)
    assert environment.sighting.seen_at == life[-1].sent_at
    first = next(batch[0] for batch in batches if batch).document
    _assert_chained(Field.PHASE, first.status.head.phase, environment.phase)
    _assert_chained(Field.LOCKDOWN, _text(first.metadata.head.lockdown_at), _text(environment.lockdown_at))
    assert list(past.differing()) == []


def _text(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if moment else ""


def _assert_chained(field: Field, first: str, now: str) -> None:
    """Each transition starts where the one before ended, from what was first observed to what is now."""
    noted = list(Transition.objects.filter(field=field).order_by("id"))
    for transition in noted:
        assert transition.old != transition.new
        assert transition.old_seen_at is not None
        assert transition.old_seen_at <= transition.seen_at
    values = [first, *(value for transition in noted for value in (transition.old, transition.new)), now]
    assert values[::2] == values[1::2]


def test_times_are_stored_in_utc() -> None:
    observe([observation(metadata={"createdAt": "2026-02-01T02:00:00.123456789+02:00"})])
    assert Environment.objects.get().created_at == datetime(2026, 2, 1, 0, 0, 0, 123457, tzinfo=UTC)
