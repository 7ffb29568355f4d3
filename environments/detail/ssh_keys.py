"""The SSH public keys in an environment's document. Pure; odd documents never raise."""

from __future__ import annotations

from dataclasses import dataclass

from environments.documents.json_part import Document


@dataclass(frozen=True, slots=True)
class SSHKey:
    id: str
    kind: str
    shortened: str
    comment: str
    phase: str


def ssh_keys(document: Document) -> list[SSHKey]:
    phases = {entry.text("id"): entry.text("phase") for entry in document.status.parts("sshPublicKeys")}
    keys = [
        SSHKey(entry.text("id"), *_shorten(entry.text("value")), phase=phases.pop(entry.text("id"), ""))
        for entry in document.spec.parts("sshPublicKeys")
    ]
    return keys + [SSHKey(identity, "", "", "", phase) for identity, phase in phases.items()]


def _shorten(value: str) -> tuple[str, str, str]:
    """Type, shortened key and comment of an OpenSSH public key line; other texts are only shortened."""
    words = value.split(maxsplit=2)
    kind, key, comment = (*words, "", "", "")[:3] if len(words) > 1 else ("", value.strip(), "")
    return kind, key if len(key) <= 24 else f"{key[:8]}…{key[-12:]}", comment
