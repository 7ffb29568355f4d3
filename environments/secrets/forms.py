"""Forms of secrets. They check the vendor's rules (CreateSecretRequest, UpdateSecretValueRequest) first;
tests/environments/secrets/test_secrets_forms.py compares these with the vendor's descriptors.

A value is never rendered into a form again: `secret_value` takes it out, and a rejected form must be filled in again.
"""

from __future__ import annotations

from typing import Any, Self

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.http import HttpRequest

from environments.actions.forms.base import CAUTION, ActionForm
from environments.models import Environment
from environments.models.secret import Mount
from environments.models.secret_scope import Scope
from environments.secrets.reach import scope_choices, scope_choices_of
from portal.ona.documents.tokens import Secret

SHORTEST_NAME, LONGEST_NAME = 3, 127
LONGEST_VALUE = 10_240  # characters
NAME = r"^[0-9a-zA-Z_]{3,}$"
FILE_PATH = r"^/[^/].*$"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
HOST = rf"^(\*\.)?({_LABEL}\.)*{_LABEL}(:[0-9]{{1,5}})?$"
HEADER = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
MOUNTS = {
    Mount.VARIABLE: "environment variable, of the secret's name",
    Mount.FILE: "file",
    Mount.REGISTRY: "container registry login",
    Mount.API_ONLY: "not mounted: only for Ona's API and the credential proxy",
}


class ValueForm(ActionForm):
    """A value, either typed or from a file."""

    value = forms.CharField(
        required=False,
        strip=False,
        max_length=LONGEST_VALUE,
        widget=forms.PasswordInput(render_value=False, attrs=CAUTION | {"autocomplete": "new-password"}),
        help_text="One line, at most 10,240 characters. It goes to Ona and is never shown again.",
        error_messages={"max_length": "At most 10,240 characters."},
    )
    value_file = forms.FileField(
        label="Or a file that holds the value",
        required=False,
        widget=forms.FileInput,
        help_text="For values of several lines, such as keys: text of at most 10 KiB, used as it is.",
        error_messages={"empty": "This file is empty."},
    )

    def clean_value_file(self) -> str:
        """The text of the file, at most 10 KiB of UTF-8."""
        file = self.cleaned_data["value_file"]
        if not file:
            return ""
        if file.size > LONGEST_VALUE:
            raise ValidationError("This file is larger than 10 KiB, the maximum for a secret.")
        try:
            text: str = file.read().decode()
        except UnicodeDecodeError:
            raise ValidationError(
                "This file is not text in UTF-8. Encode it, for example as base64, and decode it where it is used."
            ) from None
        if "\0" in text:
            raise ValidationError("This file holds a zero byte, so it is not text.")
        return text

    def clean(self) -> dict[str, Any]:
        """Remove the value from the cleaned data."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        typed, from_file = cleaned.pop("value", None), cleaned.pop("value_file", None)
        if typed and from_file:
            self.add_error("value_file", "Enter the value or choose a file, not both.")
        elif not (typed or from_file or {"value", "value_file"} & set(self.errors)):
            self.add_error("value", "Enter the value, or choose a file of at most 10 KiB.")
        self._secret = Secret(typed or from_file or "")
        return cleaned

    def secret_value(self) -> Secret:
        """The value; requires a valid form."""
        return self._secret

    def arguments(self) -> dict[str, Any]:
        return {"value": self._secret}


class AddSecretForm(ValueForm):
    """A new secret. `scopes` are pairs of a `Scope` as text and its label."""

    scope = forms.ChoiceField(label="For", error_messages={"required": "Choose a scope."})
    name = forms.CharField(
        min_length=SHORTEST_NAME,
        max_length=LONGEST_NAME,
        validators=[RegexValidator(NAME, "Letters, digits and _ only, at least three.", "name")],
        widget=forms.TextInput(attrs=CAUTION),
        help_text="Letters, digits and _, 3 to 127. As an environment variable, the variable has this name.",
        error_messages={"min_length": "At least three characters.", "max_length": "At most 127 characters."},
    )
    mount = forms.ChoiceField(
        label="Mounted as", choices=list(MOUNTS.items()), initial=Mount.VARIABLE, widget=forms.RadioSelect
    )
    file_path = forms.CharField(
        label="Path of the file",
        required=False,
        widget=forms.TextInput(attrs=CAUTION | {"placeholder": "/home/vscode/.config/key"}),
        help_text="For “file”: the absolute path.",
    )
    registry_host = forms.CharField(
        label="Registry",
        required=False,
        widget=forms.TextInput(attrs=CAUTION | {"placeholder": "https://registry.example.com"}),
        help_text="For “container registry login”: its address. The value is user:password.",
    )
    proxy_hosts = forms.CharField(
        label="Hosts",
        required=False,
        widget=forms.TextInput(attrs=CAUTION | {"placeholder": "api.example.com, files.example.com"}),
        help_text="Outgoing requests to these hosts get the value in a header.",
    )
    proxy_header = forms.CharField(
        label="Header", required=False, widget=forms.TextInput(attrs=CAUTION | {"placeholder": "Authorization"})
    )
    field_order = ("scope", "name", "mount", "file_path", "registry_host", "proxy_hosts", "proxy_header", "value",
                   "value_file")  # fmt: skip

    def __init__(
        self, data: Any = None, *, scopes: list[tuple[str, str]], as_list: bool = False, **options: Any
    ) -> None:
        super().__init__(data, **options)
        field = self.fields["scope"]
        if not as_list:
            field.widget = forms.RadioSelect()
        field.choices = scopes  # type: ignore[attr-defined]
        field.initial = scopes[0][0] if scopes else ""

    @classmethod
    def of(cls, request: HttpRequest, subject: Environment | None, **options: Any) -> Self:
        """For an environment: into one of the scopes it lies in. Without one: for the organization or a project."""
        scopes = scope_choices_of(subject) if subject else scope_choices()
        return super().of(request, subject, scopes=scopes, as_list=subject is None, **options)

    def clean_file_path(self) -> str:
        """Require an absolute path if the secret is mounted as a file."""
        path: str = self.cleaned_data["file_path"]
        if self._mount == Mount.FILE:
            RegexValidator(FILE_PATH, "Enter the full path, such as /home/vscode/.config/key.")(path)
        return path

    def clean_registry_host(self) -> str:
        """Require a URL if the secret is a registry login."""
        host: str = self.cleaned_data["registry_host"]
        if self._mount == Mount.REGISTRY:
            message = "Enter the registry's address, such as https://registry.example.com."
            URLValidator(schemes=["https", "http"], message=message)(host)
        return host

    def clean_proxy_hosts(self) -> list[str]:
        """Split hosts at commas and blanks."""
        hosts: list[str] = self.cleaned_data["proxy_hosts"].replace(",", " ").split()
        for host in hosts:
            RegexValidator(HOST, "Enter hosts such as api.example.com, without https:// and path.")(host)
        return list(dict.fromkeys(hosts))

    def clean_proxy_header(self) -> str:
        """Check the name of the header."""
        header: str = self.cleaned_data["proxy_header"]
        if header:
            RegexValidator(HEADER, "Enter the name of a header, such as Authorization.")(header)
        return header

    def clean(self) -> dict[str, Any]:
        """Require hosts and header together."""
        cleaned = super().clean()
        if cleaned.get("proxy_hosts") and cleaned.get("proxy_header") == "":
            self.add_error("proxy_header", "Enter the header in which the hosts get the value.")
        if cleaned.get("proxy_header") and cleaned.get("proxy_hosts") == []:
            self.add_error("proxy_hosts", "Enter the hosts that get the value in this header.")
        return cleaned

    @property
    def _mount(self) -> str:
        return str(self.cleaned_data.get("mount", ""))

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {
            "scope": Scope.read(self.cleaned_data["scope"]),
            "name": self.cleaned_data["name"],
            "mount": self.chosen_mount(),
            "credential_proxy": self.chosen_proxy(),
        }

    def chosen_mount(self) -> dict[str, Any]:
        """The mount of a CreateSecretRequest; requires a valid form."""
        match self._mount:
            case Mount.FILE:
                return {"filePath": self.cleaned_data["file_path"]}
            case Mount.REGISTRY:
                return {"containerRegistryBasicAuthHost": self.cleaned_data["registry_host"]}
            case Mount.API_ONLY:
                return {"apiOnly": True}
        return {"environmentVariable": True}

    def chosen_proxy(self) -> dict[str, Any] | None:
        """The Secret.CredentialProxy, if any; requires a valid form."""
        hosts, header = self.cleaned_data["proxy_hosts"], self.cleaned_data["proxy_header"]
        return {"targetHosts": hosts, "header": header} if hosts else None
