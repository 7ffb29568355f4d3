"""The form that begins a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.core import signing
from django.core.exceptions import ValidationError
from django.utils import timezone

from automations.batches.plan import MOST
from automations.batches.registry import KINDS, Kind
from automations.batches.start import AT_ONCE
from environments.actions.forms.base import ActionForm
from environments.actions.forms.limits import SOONEST_LOCKDOWN
from environments.actions.forms.moments import PASSED, MomentField, moment_words
from environments.models import Environment
from portal.ledger.recording import plain
from portal.lists.readers import LONGEST_STORED

SALT = "automations.batches.forms.lockdowns"
NAMED = 10
CHANGED = "Nothing was started: lockdowns changed since this plan was shown."
NOTHING = "Select at least one."
NOT_OURS = "The selection is not valid: open the form again."


class Targets(forms.Field):
    """Ids of tasks, services, executions or environments, from tick boxes that the template draws."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> Sequence[UUID]:
        texts = list(dict.fromkeys(value or ()))
        if not texts:
            raise ValidationError(NOTHING)
        if len(texts) > MOST:
            raise ValidationError(f"A batch takes at most {MOST}.")
        try:
            return [UUID(text) for text in texts]
        except ValueError:
            raise ValidationError(NOT_OURS) from None


class BatchForm(ActionForm):
    """What is asked for stands in hidden fields: it was chosen, and shown, before."""

    asks: ClassVar[tuple[str, ...]] = ()  # the names of the fields that this kind of batch asks for besides
    confirms: ClassVar[tuple[str, ...]] = ()  # of fields that are no part of what is requested

    action = forms.ChoiceField(choices=[(name, name) for name in KINDS], widget=forms.HiddenInput)
    reference = forms.CharField(max_length=LONGEST_STORED, strip=False, required=False, widget=forms.HiddenInput)
    chosen_from = forms.CharField(max_length=4000, required=False, widget=forms.HiddenInput)
    again_of = forms.UUIDField(required=False, widget=forms.HiddenInput)
    undo_of = forms.UUIDField(required=False, widget=forms.HiddenInput)
    start_first = forms.BooleanField(required=False, widget=forms.HiddenInput)
    target = Targets()
    at_once = forms.IntegerField(
        min_value=1,
        max_value=AT_ONCE,
        initial=10,
        label="Concurrency",
        help_text=f"How many are in progress at once: 1 to {AT_ONCE}.",
    )
    stop_after = forms.IntegerField(
        min_value=1,
        max_value=MOST,
        required=False,
        initial=5,
        label="Stop after N failures",
        help_text="No new runs start after this many failures; runs in progress finish. Leave empty for no limit.",
    )

    look_after = forms.IntegerField(
        min_value=1,
        max_value=MOST,
        required=False,
        label="Pause after the first N",
        help_text="The batch then waits until you continue or stop the rest. Leave empty for no pause.",
    )

    def __init__(self, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, needs_reason=True, initial={**(initial or {})})

    @property
    def asked(self) -> list[forms.BoundField]:
        """The fields that this kind of batch asks for besides."""
        return [self[name] for name in (*self.confirms, *self.asks)]

    @property
    def values(self) -> dict[str, str]:
        """What was typed in them."""
        return {name: str(self.cleaned_data[name]) for name in self.asks}

    @property
    def ticked(self) -> set[str] | None:
        """The ids as they were sent; None where nothing was sent yet, and everything is ticked."""
        return set(self["target"].value() or ()) if self.is_bound else None

    @property
    def moment(self) -> datetime | None:
        """When the environments are to be locked down, where that is asked for."""
        return self.cleaned_data.get("lockdown_at")


class LockdownBatchForm(BatchForm):
    """It carries the lockdowns that the plan showed, so that none that was set since is overwritten unseen."""

    shown = forms.CharField(required=False, widget=forms.HiddenInput)
    not_content = BatchForm.not_content | {"shown"}
    lockdown_at = MomentField(
        label="Lock down at (UTC)",
        help_text="The same time for all. It replaces their current lockdowns.",
    )

    def __init__(self, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        in_a_week = (timezone.now() + timedelta(days=7)).replace(second=0, microsecond=0)
        super().__init__(data, initial={"lockdown_at": in_a_week, **(initial or {})})

    def show(self, environments: Iterable[Environment]) -> None:
        """Carry the lockdowns of these environments."""
        shown = signing.dumps(lockdowns(environments), salt=SALT, compress=True)
        self.initial["shown"] = shown
        if self.is_bound:
            self.replace(shown=shown)

    def refuse_changed(self, environments: Sequence[Environment]) -> bool:
        """Whether lockdowns changed since they were shown, which the form then says, and carries as they are now."""
        try:
            shown = signing.loads(self.cleaned_data["shown"], salt=SALT) if self.cleaned_data["shown"] else {}
        except signing.BadSignature:
            shown = {}
        now = lockdowns(environments)
        changed = [each for each in environments if shown.get(str(each.pk), now[str(each.pk)]) != now[str(each.pk)]]
        if changed:
            lines = [f"{each}: was {moment_words(shown[str(each.pk)])}, is {moment_words(each.lockdown_at)}"
                     for each in changed[:NAMED]]  # fmt: skip
            more = f"; and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
            self.add_error(None, f"{CHANGED} {'; '.join(lines)}{more}. Send it again to replace them.")
            self.show(environments)
        return bool(changed)

    def clean_lockdown_at(self) -> datetime:
        at: datetime = self.cleaned_data["lockdown_at"]
        if at < timezone.now() + SOONEST_LOCKDOWN:
            raise ValidationError(PASSED)
        return at


class DeleteBatchForm(BatchForm):
    """It has the number of environments typed, since none of them can be restored."""

    confirms = ("count",)
    count = forms.IntegerField(
        label="Number of environments to delete",
        help_text="Type it to confirm: a deleted environment cannot be restored, not even by Ona.",
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        selected = len(given.get("target", ()))
        if selected and "count" in given and given["count"] != selected:
            self.add_error("count", f"{selected:,} selected: type that number, or select others.")
        return given


def lockdowns(environments: Iterable[Environment]) -> dict[str, str | None]:
    """The lockdowns of environments by id, as they travel in a form."""
    return {str(each.pk): plain(each.lockdown_at) for each in environments}


def form_of(kind: Kind, *, is_undoing: bool = False) -> type[BatchForm]:
    """The form that begins a batch of this kind; one that sets the values before asks for none."""
    if is_undoing:
        return BatchForm
    base = LockdownBatchForm if kind.needs_moment else DeleteBatchForm if kind.many.is_delayed else BatchForm
    fields = {name: make() for name, make in kind.many.fields.items()}
    return type(base.__name__, (base,), {**fields, "asks": tuple(fields)})
