"""The plan of an execution as a picture: groups one after another, the steps of a group together.

Read from the parts of the document as they came (TaskExecutionSpec.plan, TaskExecutionStatus.steps); nothing raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from automations.executions.step_durations import Spell
from automations.models import SETTLED, ExecutionPhase
from environments.documents.json_part import Part
from portal.web.formatting import phase_tone, phase_word

WAITING, NOT_RUN = "waiting", "not run"
# in the order in which people ask for them
TALLIED = ("failed", "running", "succeeded", "stopped", "pending", WAITING, NOT_RUN)


class Named(NamedTuple):
    """What a step runs, as the portal knows it; `url` is empty where it has no page."""

    name: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step: `phase` as Ona tells it, empty where it has not begun; `word` and `tone` say it to people.

    `kind` is "task" or "service", empty where the plan tells neither; `needs` names the steps it waits for.
    """

    id: str
    label: str
    kind: str
    name: str
    url: str
    needs: list[str]
    phase: str
    word: str
    tone: str
    failure: str
    output: list[tuple[str, str]]
    spell: Spell | None

    @property
    def took(self) -> str:
        """How long it ran, as far as that was seen; empty where it has not ended."""
        if self.phase not in SETTLED:
            return ""
        return f"took {self.spell.took}" if self.spell and self.spell.took else "duration unknown"


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that run together, once all of the group before have succeeded; `is_planned` unless only the status has
    them."""

    number: int
    steps: list[Step]
    is_planned: bool = True


def plan_of(
    spec: object, status: object, phase: str, named: Mapping[str, Named], spells: Mapping[str, Spell]
) -> list[Group]:
    """The groups of an execution in `phase`; `named` by id of task or service, `spells` by id of step."""
    groups = [group.parts("steps") for group in Part(spec).parts("plan")]
    begun = {step.text("id"): step for step in Part(status).parts("steps")}
    planned = {step.text("id"): _label(step, named) for group in groups for step in group}
    unbegun = _unbegun(phase, begun.values())

    def made(step: Part) -> Step:
        return _step(step, begun.get(step.text("id")), planned, unbegun, named, spells)

    found = [Group(number, [made(step) for step in group]) for number, group in enumerate(groups, 1) if group]
    others = [made(step) for id_, step in begun.items() if id_ not in planned]
    return [*found, Group(len(groups) + 1, others, is_planned=False)] if others else found


def subjects(spec: object) -> tuple[set[str], set[str]]:
    """The ids of the tasks and of the services that the plan runs, as it tells them."""
    steps = [step for group in Part(spec).parts("plan") for step in group.parts("steps")]
    tasks, services = {step.part("task").text("id") for step in steps}, {step.text("serviceId") for step in steps}
    return tasks - {""}, services - {""}


def tally(groups: Sequence[Group]) -> str:
    """ "10 steps in 4 groups: 2 running, 3 succeeded, 5 waiting"; empty where there is no plan."""
    counts = Counter(step.word for group in groups for step in group.steps)
    if not counts:
        return ""
    known = [f"{counts.pop(word)} {word}" for word in TALLIED if word in counts]
    rest = [f"{count} {word}" for word, count in counts.items()]
    total = sum(len(group.steps) for group in groups)
    return f"{_many(total, 'step')} in {_many(len(groups), 'group')}: {', '.join(known + rest)}"


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _unbegun(phase: str, begun: Iterable[Part]) -> str:
    """What there is to say of steps that have not begun: after a failure, or the end, they never will."""
    has_failed = any(step.text("phase") in (ExecutionPhase.FAILED, ExecutionPhase.STOPPED) for step in begun)
    return NOT_RUN if has_failed or phase in SETTLED else WAITING


def _subject(step: Part) -> tuple[str, str]:
    if id_ := step.part("task").text("id"):
        return "task", id_
    service = step.text("serviceId")
    return ("service", service) if service else ("", "")


def _label(step: Part, named: Mapping[str, Named]) -> str:
    """As the plan calls it, else as what it runs is called, else its id."""
    subject = named.get(_subject(step)[1], Named(""))
    return step.text("label") or subject.name or step.text("id") or "unknown"


def _step(
    step: Part,
    state: Part | None,
    planned: Mapping[str, str],
    unbegun: str,
    named: Mapping[str, Named],
    spells: Mapping[str, Spell],
) -> Step:
    id_, label = step.text("id"), _label(step, named)
    kind, subject_id = _subject(step)
    subject = named.get(subject_id, Named(subject_id))
    state_of = state or Part({})
    phase = state_of.text("phase")
    return Step(
        id=id_,
        label=label,
        kind=kind,
        name=subject.name,
        url=subject.url,
        needs=[planned.get(need, need) for need in step.texts("dependsOn")],
        phase=phase,
        word=phase_word(phase) if state else unbegun,
        tone=phase_tone(phase) if state else "gray" if unbegun == NOT_RUN else "none",
        failure=state_of.text("failureMessage"),
        output=[(name, Part({"": value}).text("")) for name, value in state_of.part("output").fields.items()],
        spell=spells.get(id_),
    )
