"""The SSH keys of an environment: which to remove, which to add."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError

from environments.actions import specification_parts as parts
from environments.actions.forms.base import CAUTION
from environments.actions.forms.editing import EditForm
from environments.actions.forms.keys import PublicKey, is_private, read_key
from portal.ledger.models import Operation

ONLY_PUBLIC = "This contained a private key. Enter public keys only, such as a .pub file; what you typed was discarded."


class SSHKeysForm(EditForm):
    values = parts.ssh_keys
    reason_needed = "to add keys"
    remove = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    add = forms.CharField(
        label="Add keys",
        required=False,
        widget=forms.Textarea(attrs={**CAUTION, "rows": 3, "wrap": "off"}),
        help_text="Public keys as in a .pub file, one per line: “ssh-ed25519 AAAA… ann@laptop”.",
    )

    def prepare(self) -> None:
        cast(forms.ChoiceField, self.fields["remove"]).choices = [(key["id"], describe(key)) for key in self.keys()]

    def keys(self) -> Sequence[Mapping[str, Any]]:
        """The keys there were, each with its id and value."""
        return cast(Sequence[Mapping[str, Any]], self.seen.values["sshPublicKeys"])

    def clean_add(self) -> list[str]:
        """The lines, each a key that is not there already. A private key is not shown again."""
        text: str = self.cleaned_data["add"]
        if is_private(text):
            self.replace(add="")
        there = {found.blob for key in self.keys() if (found := _key(key["value"]))}
        lines, errors = [], []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                found = _new(line, there)
            except ValueError as why:
                errors.append(f"Line {number}: {why}")
                continue
            there.add(found.blob)
            lines.append(found.line)
        if errors:
            raise ValidationError(ONLY_PUBLIC if is_private(text) else errors)
        return lines

    def needs_reason(self) -> bool:
        return bool(self.cleaned_data["add"])

    def mine(self) -> Mapping[str, Any]:
        kept_ones = [key for key in self.keys() if key["id"] not in self.cleaned_data["remove"]]
        new = [{"id": "", "value": line} for line in self.cleaned_data["add"]]
        return {"sshPublicKeys": [*kept_ones, *new]}

    def edit(self) -> Mapping[str, Any]:
        return {name: self.cleaned_data[name] for name in ("add", "remove")}

    def rebase(self, operation: Operation) -> None:
        """What is sent is a patch: over what Ona has now it has to name other keys to come to the same."""
        super().rebase(operation)
        self.prepare()
        mine = {key["value"] for key in operation.after["sshPublicKeys"]}
        theirs = {key["value"] for key in self.keys()}
        remove = [key["id"] for key in self.keys() if key["value"] not in mine]
        add = [key["value"] for key in operation.after["sshPublicKeys"] if key["value"] not in theirs]
        self.replace(remove=remove, add="\n".join(add))

    @staticmethod
    def texts(values: Mapping[str, Any]) -> dict[str, str]:
        return {describe(key): "has access" for key in values["sshPublicKeys"]}


def describe(key: Mapping[str, Any]) -> str:
    """A key by type, fingerprint and comment; by its id where it is none."""
    found = _key(key["value"])
    if found is None:
        return f"not a valid key (id {key['id']})"
    return f"{found.kind} {found.fingerprint} {found.comment}".rstrip()


def _key(value: str) -> PublicKey | None:
    try:
        return read_key(value)
    except ValueError:
        return None


def _new(line: str, there: Collection[bytes]) -> PublicKey:
    """The key in `line`; ValueError where it is none, or there already."""
    found = read_key(line)
    if found.blob in there:
        raise ValueError(f"This key is already there: {found.fingerprint}.")
    return found
