"""The form that begins a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from automations.batches.plan import MOST
from automations.batches.registry import KINDS, Kind
from automations.batches.start import AT_ONCE
from environments.actions.forms.base import ActionForm
from environments.actions.forms.limits import SOONEST_LOCKDOWN
from environments.actions.forms.moments import PASSED, MomentField

NOTHING = "Tick at least one environment."
NOT_OURS = "What was ticked makes no sense: open the form again."


class Targets(forms.Field):
    """Ids of tasks, services or environments, from tick boxes that the template draws."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> Sequence[UUID]:
        texts = list(dict.fromkeys(value or ()))
        if not texts:
            raise ValidationError(NOTHING)
        if len(texts) > MOST:
            raise ValidationError(f"A batch takes at most {MOST} environments.")
        try:
            return [UUID(text) for text in texts]
        except ValueError:
            raise ValidationError(NOT_OURS) from None


class BatchForm(ActionForm):
    """What is asked for stands in hidden fields: it was chosen, and shown, before."""

    action = forms.ChoiceField(choices=[(name, name) for name in KINDS], widget=forms.HiddenInput)
    reference = forms.CharField(max_length=128, required=False, widget=forms.HiddenInput)
    chosen_from = forms.CharField(max_length=4000, required=False, widget=forms.HiddenInput)
    again_of = forms.UUIDField(required=False, widget=forms.HiddenInput)
    target = Targets()
    at_once = forms.IntegerField(
        min_value=1,
        max_value=AT_ONCE,
        initial=10,
        label="At the same time",
        help_text=f"In how many environments it may be under way at once: 1 to {AT_ONCE}.",
    )
    stop_after = forms.IntegerField(
        min_value=1,
        max_value=MOST,
        required=False,
        initial=5,
        label="Stop after failures",
        help_text="After so many failures nothing more is asked for; what is under way goes on. Empty: never.",
    )

    def __init__(self, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, needs_reason=True, initial={**(initial or {})})

    @property
    def ticked(self) -> set[str] | None:
        """The ids as they were sent; None where nothing was sent yet, and everything is ticked."""
        return set(self["target"].value() or ()) if self.is_bound else None

    @property
    def moment(self) -> datetime | None:
        """When the environments are to be locked down, where that is asked for."""
        return self.cleaned_data.get("lockdown_at")


class LockdownBatchForm(BatchForm):
    lockdown_at = MomentField(
        label="Lock down at, in UTC",
        help_text="One moment for all of them. It replaces the one that each has now.",
    )

    def __init__(self, data: Any = None, *, initial: Mapping[str, Any] | None = None) -> None:
        in_a_week = (timezone.now() + timedelta(days=7)).replace(second=0, microsecond=0)
        super().__init__(data, initial={"lockdown_at": in_a_week, **(initial or {})})

    def clean_lockdown_at(self) -> datetime:
        at: datetime = self.cleaned_data["lockdown_at"]
        if at < timezone.now() + SOONEST_LOCKDOWN:
            raise ValidationError(PASSED)
        return at


def form_of(kind: Kind) -> type[BatchForm]:
    """The form that begins a batch of this kind."""
    return LockdownBatchForm if kind.needs_moment else BatchForm
