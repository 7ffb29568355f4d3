"""The form that asks for a new environment, from an address or from a project."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from environments.actions import creation_choices
from environments.actions.forms.base import ActionForm
from portal.directory.models import Project

LONGEST_NAME = 80  # CreateEnvironmentRequest.name; it may be renamed to more
FROM_URL, FROM_PROJECT = "url", "project"
OF_WAY = {FROM_URL: ("url", "branch", "environment_class"), FROM_PROJECT: ("project", "project_class")}
# ContextURLInitializer.url is a URI (RFC 3986); of a web server and more than its name, for there to be something
_REST = r"(?:[A-Za-z0-9\-._~:/?@!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_HOST = r"(?:[A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])"
ADDRESS = re.compile(rf"(?i:https?)://{_HOST}(?::[0-9]{{1,5}})?/{_REST}+(?:\#{_REST}*)?")
# git check-ref-format, as far as it can be told from the characters
BRANCH = re.compile(r"(?!-|/|.*(?:\.\.|@\{|//|/\.|\.lock(?:/|$)|[/.]$))[^\s\x00-\x20\x7f~^:?*\[\\]+")
NOT_OFFERED = "This class is not offered: choose one of these."


class CreationForm(ActionForm):
    """Only the fields of the way that was chosen count."""

    way = forms.ChoiceField(
        label="Start from",
        choices=[(FROM_URL, "a repository or another address"), (FROM_PROJECT, "a project")],
        widget=forms.RadioSelect,
        initial=FROM_URL,
    )
    url = forms.CharField(
        label="Address",
        max_length=2000,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://github.com/owner/repository", "spellcheck": "false"}),
        help_text="Of a repository, a branch, a commit, a pull request or an issue.",
    )
    branch = forms.CharField(
        label="Branch (optional)",
        max_length=250,
        required=False,
        widget=forms.TextInput(attrs={"spellcheck": "false", "autocapitalize": "none"}),
        help_text="With a branch, the address is that of the repository.",
    )
    environment_class = forms.ChoiceField(label="Class", required=False, error_messages={"invalid_choice": NOT_OFFERED})
    project = forms.CharField(
        label="Project",
        max_length=500,
        required=False,
        widget=forms.TextInput(attrs={"list": "projects", "autocomplete": "off", "spellcheck": "false"}),
        help_text="Type a part of its name or repository, or its whole id.",
    )
    project_class = forms.ChoiceField(label="Class", required=False, error_messages={"invalid_choice": NOT_OFFERED})
    name = forms.CharField(
        label="Name (optional)",
        max_length=LONGEST_NAME,
        required=False,
        help_text=f"Up to {LONGEST_NAME} characters. Without one, Ona makes one up.",
    )

    def __init__(self, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.projects = creation_choices.projects()
        self.chosen = creation_choices.find_project(str(self["project"].value() or ""), self.projects)
        self._choices("environment_class", [("", "Choose one"), *creation_choices.classes()])
        self._choices("project_class", creation_choices.project_classes(self.chosen))

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def clean_url(self) -> str:
        """Of http or https, with a host and without anything secret, which the ledger would keep."""
        url: str = self.cleaned_data["url"]
        if not url:
            return ""
        try:
            parts = urlsplit(url)
            is_whole, has_user = parts.port != 0, parts.username is not None
        except ValueError:
            is_whole = has_user = False
        if has_user:
            raise ValidationError("Leave out the part before the @: the ledger would keep it, and it may be secret.")
        if not is_whole or not ADDRESS.fullmatch(url):
            raise ValidationError("Enter a full address, such as https://github.com/owner/repository.")
        return url

    def clean_branch(self) -> str:
        """A name that git takes."""
        branch: str = self.cleaned_data["branch"]
        if branch and not BRANCH.fullmatch(branch):
            raise ValidationError("This is not a valid name of a branch.")
        return branch

    def clean(self) -> dict[str, Any]:
        """What the chosen way needs is there; what is wrong with the other does not matter."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        way = cleaned.get("way")
        for other in {FROM_URL, FROM_PROJECT} - {way}:
            for name in OF_WAY[other]:
                self.errors.pop(name, None)
        if way == FROM_URL:
            self._require("url", "Choose where its content comes from.")
            self._require("environment_class", "Choose the kind of machine it runs on.")
        elif way == FROM_PROJECT:
            self._require("project", "Choose a project.")
            if cleaned.get("project") and self.chosen is None:
                self.add_error("project", "No project has this name, or more than one has: choose one of the list.")
        return cleaned

    def _require(self, name: str, message: str) -> None:
        if name in self.cleaned_data and not self.cleaned_data[name]:
            self.add_error(name, message)

    def wanted(self) -> tuple[Project | None, dict[str, Any]]:
        """The project, if it is to be made from one, and the arguments of the action; for a valid form."""
        cleaned = self.cleaned_data
        if cleaned["way"] == FROM_PROJECT:
            class_id = cleaned["project_class"]
            return self.chosen, {"class_id": UUID(class_id) if class_id else None, "name": cleaned["name"]}
        class_id = UUID(cleaned["environment_class"])
        return None, {"class_id": class_id} | {name: cleaned[name] for name in ("url", "branch", "name")}
