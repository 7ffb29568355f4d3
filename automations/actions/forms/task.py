"""The form of a task (CreateTask, UpdateTask)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from automations.actions.definitions import Values, creation_of, update_of
from automations.actions.forms.definition import AREA, SPEC, DefinitionForm
from automations.actions.merge_with_current import LAST_DEPENDENCY
from automations.file_format import cycles
from automations.models import Service, Task
from environments.models import Environment

NEW = "this task"


class TaskForm(DefinitionForm):
    """`others` are what it can depend on: the environment's tasks, and services where it depends on them already."""

    spec_fields = ("command", "prebuildRequiresSuccess", *SPEC)
    lines_of_text = ("command",)
    order = ("reference", "name", "description", "command", "triggers", "dependsOn", "prebuildRequiresSuccess",
                   *SPEC)  # fmt: skip
    command = forms.CharField(
        strip=False, widget=forms.Textarea(attrs=AREA), error_messages={"required": "Enter the command of the task."}
    )
    dependsOn = forms.MultipleChoiceField(
        label="Runs after",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="What you select here runs first whenever this task is started.",
    )
    prebuildRequiresSuccess = forms.BooleanField(label="Fail the prebuild if this task fails", required=False)

    def _prepare(self) -> None:
        offered = {str(other.pk): self._label(other) for other in self.others if other.pk != self._pk()}
        for id_ in self.seen.get("dependsOn", []):
            offered.setdefault(id_, f"{id_}, which the portal does not know")
        cast(forms.MultipleChoiceField, self.fields["dependsOn"]).choices = list(offered.items())
        super()._prepare()

    @staticmethod
    def _label(other: Any) -> str:
        kind = "" if isinstance(other, Task) else "service "
        same = other.reference == str(other)
        return f"{kind}{other}" if same or not other.reference else f"{kind}{other} ({other.reference})"

    def _pk(self) -> UUID | None:
        return self.subject.pk if self.subject else None

    def clean_command(self) -> str:
        """More than blanks."""
        text: str = self.cleaned_data["command"]
        if not text.strip():
            raise ValidationError("Enter the command of the task.")
        return text

    def clean_dependsOn(self) -> list[str]:
        """Without circles, and never taken away altogether."""
        chosen = sorted(self.cleaned_data["dependsOn"])
        if self.seen.get("dependsOn") and not chosen:
            raise ValidationError(LAST_DEPENDENCY)
        if self.subject and (circle := next(cycles.find_cycles(self._needs(chosen)), None)):
            names = self._names()
            told = cycles.format_cycle([names.get(id_, id_) for id_ in circle])
            raise ValidationError(f"These would wait for each other: {told}.")
        return chosen

    def _needs(self, chosen: list[str]) -> Mapping[str, list[str]]:
        """What every task waits for, if this one waits for `chosen`."""
        needs = {str(other.pk): list(map(str, other.depends_on)) for other in self.others if isinstance(other, Task)}
        needs = {str(self._pk()): chosen} | {id_: needed for id_, needed in needs.items() if id_ != str(self._pk())}
        return {id_: [each for each in needed if each in needs] for id_, needed in needs.items()}

    def _names(self) -> dict[str, str]:
        own = {str(self._pk()): self.subject.reference or NEW} if self.subject else {}
        return {str(other.pk): other.reference or str(other) for other in self.others} | own

    def mine(self) -> Values:
        cleaned = self.cleaned_data
        return super().mine() | {
            "prebuildRequiresSuccess": cleaned["prebuildRequiresSuccess"],
            "dependsOn": cleaned["dependsOn"],
        }

    def arguments(self) -> dict[str, Any]:
        mine = self.mine()
        needs = [UUID(id_) for id_ in mine["dependsOn"]]
        if self.subject:
            changed = needs if mine["dependsOn"] != self.seen["dependsOn"] else None
            update = update_of(self.seen, mine, self.env())
            return {**update, "depends_on": changed, "unless": self.refuse_conflict}
        return {**creation_of(self.cleaned_data["reference"], mine, self.env()), "depends_on": needs}

    @staticmethod
    def others_of(environment: Environment, subject: Service | Task | None) -> Sequence[Service | Task]:
        """Tasks, and services where it runs after some already."""
        tasks = list(Task.objects.of(environment).order_by("reference", "pk"))
        needed = subject.depends_on if isinstance(subject, Task) else []
        services = Service.objects.of(environment).filter(pk__in=needed).order_by("reference", "pk") if needed else ()
        return [*tasks, *services]
