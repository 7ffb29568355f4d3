"""The forms of the specification editor, one for each part; those of ports and SSH keys have modules of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from environments.actions import specification_parts as parts
from environments.actions.forms.base import CAUTION
from environments.actions.forms.durations import read_duration, write_duration
from environments.actions.forms.editing import EditForm, kept
from environments.actions.forms.limits import RELATIVE_PATH, SHORTEST_TIMEOUT
from environments.actions.forms.moments import moment_words, moved_words
from environments.actions.specification_policies import maximum_timeout, refused_timeout
from environments.documents.json_part import as_duration
from environments.policies.stopping import find_stop, find_stop_after
from portal.ledger.recording import plain
from portal.web.enum_labels import enum_label
from portal.web.formatting import ago_words, duration_words

NEVER, EXACT = "never", "exact"
PRESETS = tuple(timedelta(hours=hours) for hours in (0.5, 1, 2, 4, 8, 24))
CHOICES = [
    *((f"{preset.total_seconds():.0f}", f"{duration_words(preset)} without use") for preset in PRESETS),
    (NEVER, "never: it runs until somebody stops it"),
    (EXACT, "another time"),
]
LOOKED_FOR = "not set: detected by Ona"
NEW = "another one"


class TimeoutForm(EditForm):
    values = parts.timeout
    choice = forms.ChoiceField(
        label="Stop after",
        widget=forms.RadioSelect,
        choices=CHOICES,
        error_messages={"required": "Choose one."},
    )
    exact = forms.CharField(
        label="Time without use",
        required=False,
        max_length=100,
        help_text="At least 30 minutes, such as 90m, 1h30m or 2 days. A number without a unit means minutes.",
        widget=forms.TextInput(attrs=CAUTION),
    )

    def initial_values(self) -> dict[str, Any]:
        after = self._seen()
        if after is None:
            return {}
        if not after:
            return {"choice": NEVER}
        return (
            {"choice": f"{after.total_seconds():.0f}"}
            if after in PRESETS
            else {
                "choice": EXACT,
                "exact": write_duration(after),
            }
        )

    def _seen(self) -> timedelta | None:
        value = self.seen.values["disconnected"]
        return value if isinstance(value, timedelta) else as_duration(value)

    def prepare(self) -> None:
        """Offer only what the policy allows; what is sent all the same is told why not."""
        offered = [
            (choice, f"{words}{self._result(choice)}")
            for choice, words in CHOICES
            if choice == EXACT or not self._refused(choice)
        ]
        cast(forms.RadioSelect, self.fields["choice"].widget).choices = offered

    def _result(self, choice: str) -> str:
        """When it would stop by itself, and how far that is from now; empty where that is not known."""
        now = timezone.now()
        is_timed = choice not in (EXACT, NEVER)
        stop = find_stop_after(self.environment, chosen_duration(choice), now) if is_timed else None
        if stop is None or stop.at is None:
            return ""
        present = find_stop(self.environment, now)
        if stop.at <= now:
            return f": at once, it was last used {ago_words(stop.at - chosen_duration(choice), now)}"
        moved = moved_words(present.at if present else None, stop.at)
        return f": stops {moment_words(stop.at)} unless it is used again{f', {moved}' if moved else ''}"

    def _refused(self, choice: str) -> str:
        return refused_timeout(chosen_duration(choice), self.organization)

    def clean_exact(self) -> timedelta | None:
        if self.cleaned_data.get("choice") != EXACT:
            return None
        try:
            after = read_duration(self.cleaned_data["exact"])
        except ValueError as why:
            raise ValidationError(str(why)) from None
        if after and after < SHORTEST_TIMEOUT:
            raise ValidationError("Ona accepts 30 minutes or more, or never.")
        if why_not := refused_timeout(after, self.organization):
            raise ValidationError(why_not)
        return after

    def clean_choice(self) -> str:
        choice: str = self.cleaned_data["choice"]
        if choice != EXACT and (why_not := self._refused(choice)):
            raise ValidationError(why_not)
        return choice

    def mine(self) -> Mapping[str, Any]:
        choice = self.cleaned_data["choice"]
        return {"disconnected": self.cleaned_data["exact"] if choice == EXACT else chosen_duration(choice)}

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        after = as_duration(plain(values["disconnected"]))
        return {"Stops after": "not set" if after is None else write_duration(after)}

    def notes(self) -> Sequence[str]:
        unset = [] if self._seen() is not None else ["Default now. Once set, it cannot be unset."]
        longest = maximum_timeout(self.organization)
        if longest is None:
            return unset
        limit = f"Maximum {duration_words(longest)}; “never” is not allowed."
        return [*unset, limit]


def timeout_field() -> forms.ChoiceField:
    """One timeout for many environments."""
    return forms.ChoiceField(label="Stop after", choices=[each for each in CHOICES if each[0] != EXACT], initial="3600")


def chosen_duration(choice: str) -> timedelta:
    return timedelta(0) if choice == NEVER else timedelta(seconds=int(choice))


class GitForm(EditForm):
    values = parts.git
    username = forms.CharField(label="Git user", required=False, widget=forms.TextInput(attrs=CAUTION))
    email = forms.CharField(
        label="Git e-mail",
        required=False,
        widget=forms.TextInput(attrs={**CAUTION, "inputmode": "email"}),
        help_text="New commits in the environment use them. Left empty, they are not set.",
    )

    def initial_values(self) -> dict[str, Any]:
        return {"username": self.seen.values["gitUsername"], "email": self.seen.values["gitEmail"]}

    def clean_username(self) -> str:
        return self._identity("username", "gitUsername")

    def clean_email(self) -> str:
        """Ona has no rule for it; what cannot be one is still asked about."""
        email = self._identity("email", "gitEmail")
        if email and email != self.seen.values["gitEmail"] and ("@" not in email or " " in email):
            raise ValidationError("This is not an e-mail address.")
        return email

    def _identity(self, name: str, old: str) -> str:
        text, before = self.cleaned_data[name], self.seen.values[old]
        if any(sign in text for sign in "<>\r\n") and text != before:
            raise ValidationError("Git does not allow <, > or line breaks here.")
        return kept(text, before)

    def mine(self) -> Mapping[str, Any]:
        return {"gitUsername": self.cleaned_data["username"], "gitEmail": self.cleaned_data["email"]}

    def edit(self) -> Mapping[str, Any]:
        return {name: self.cleaned_data[name] for name in ("username", "email")}

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        return {"Git user": values["gitUsername"] or "not set", "Git e-mail": values["gitEmail"] or "not set"}


class PathForm(EditForm):
    """One path within the repository; `name` is what Ona calls it."""

    name: ClassVar[str]
    path = forms.CharField(required=False, widget=forms.TextInput(attrs=CAUTION))

    def initial_values(self) -> dict[str, Any]:
        return {"path": self.seen.values[self.name]}

    def clean_path(self) -> str:
        path = kept(self.cleaned_data["path"], self.seen.values[self.name])
        if not RELATIVE_PATH.search(path):
            raise ValidationError("The path is relative to the repository: it does not start with a /.")
        return path

    def mine(self) -> Mapping[str, Any]:
        return {self.name: self.cleaned_data["path"]}

    def edit(self) -> Mapping[str, Any]:
        return {name: self.cleaned_data[name] for name in ("path", "rebuild") if name in self.cleaned_data}


class DevcontainerForm(PathForm):
    values = parts.devcontainer_with_session
    name = "devcontainerFilePath"
    reason_needed = "to rebuild"
    rebuild = forms.BooleanField(
        required=False,
        label="Rebuild the container now",
        help_text="The container is deleted and rebuilt from this file: what runs in it ends, and what was "
        "installed or changed outside of the repository's folder is lost. Files in the repository's folder stay. "
        "It needs a reason. Without it, a new path takes effect with the next rebuild.",
    )

    def prepare(self) -> None:
        self.fields["path"].label = "Devcontainer file"
        self.fields["path"].help_text = "Such as .devcontainer/devcontainer.json. Leave empty to let Ona detect it."
        self.order_fields(["path", "rebuild", "reason"])

    def needs_reason(self) -> bool:
        return bool(self.cleaned_data["rebuild"])

    def mine(self) -> Mapping[str, Any]:
        return {**super().mine(), **({"rebuild": True} if self.cleaned_data["rebuild"] else {})}

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        session = {"Container session": values["devcontainerSession"]} if "devcontainerSession" in values else {}
        return {"Devcontainer file": values["devcontainerFilePath"] or LOOKED_FOR, **session}


class AutomationsFileForm(PathForm):
    values = parts.automations_file
    name = "automationsFilePath"

    def prepare(self) -> None:
        self.fields["path"].label = "Automations file"
        self.fields["path"].help_text = "Such as .ona/automations.yaml. Leave empty to let Ona detect it."

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        return {"Automations file": values["automationsFilePath"] or LOOKED_FOR}


class ContentForm(EditForm):
    values = parts.content

    def mine(self) -> Mapping[str, Any]:
        return {"contentSession": NEW}

    def edit(self) -> Mapping[str, Any]:
        return {}

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        return {"Content session": values["contentSession"] or "not set"}


class KernelControlsForm(EditForm):
    values = parts.kernel_controls
    ACTIONS: ClassVar = ("KERNEL_CONTROLS_ACTION_BLOCK", "KERNEL_CONTROLS_ACTION_AUDIT")
    enabled = forms.BooleanField(required=False, label="Control which programs may run")
    action = forms.ChoiceField(label="What happens to a denied program", required=False)
    denylist = forms.CharField(
        label="Denied programs",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={**CAUTION, "rows": 6}),
        help_text="One per line, such as /usr/bin/nmap.",
    )

    def initial_values(self) -> dict[str, Any]:
        return {**self.seen.values, "denylist": _lines(self.seen.values["denylist"])}

    def prepare(self) -> None:
        known = dict.fromkeys([*self.ACTIONS, self.seen.values["action"]])
        choices = [(value, enum_label(value) or "not set") for value in known]
        cast(forms.ChoiceField, self.fields["action"]).choices = choices

    def clean_denylist(self) -> list[str]:
        """The lines, each once; the list as it was where nothing was typed into it."""
        text, before = self.cleaned_data["denylist"].replace("\r\n", "\n"), self.seen.values["denylist"]
        if text == _lines(before):
            return list(before)
        return list(dict.fromkeys(line.strip() for line in text.split("\n") if line.strip()))

    def mine(self) -> Mapping[str, Any]:
        return {name: self.cleaned_data[name] for name in ("enabled", "action", "denylist")}

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        return {
            "Guarded": "yes" if values["enabled"] else "no",
            "A denied program is": enum_label(values["action"]) or "not set",
            "Denied programs": _lines(values["denylist"]) or "none",
        }


def _lines(texts: Sequence[str]) -> str:
    return "\n".join(texts)
