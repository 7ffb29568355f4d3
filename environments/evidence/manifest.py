"""The manifest of a pack: the signed description of the pack and its files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

FORMAT = "environment-portal evidence 1"
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
LONGEST = 1 << 20  # bytes
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Name = Annotated[str, msgspec.Meta(pattern="^[A-Za-z][A-Za-z_-]{0,60}\\.(csv|json|txt)$")]


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: its size in bytes, its SHA-256 in hexadecimal, and its rows if it is a table."""

    name: Name
    size: Count
    sha256: Hash
    rows: Count | None = None


class Organization(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The organization; unknown before the first sync."""

    id: str | None
    name: str | None


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest entry of the ledger's chain when the pack was built: see `portal.ledger.chain.verify`."""

    sequence: Count
    hash: Hash


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`since` to `moment` is the period; `key` the fingerprint of the public key, `head` None for an empty ledger."""

    format: str
    portal_version: str
    organization: Organization
    moment: Moment
    since: Moment
    made_at: Moment
    made_by: str
    reason: str
    parts: list[str]
    head: Head | None
    public_key: str
    key: Hash
    files: list[File]

    def encode(self) -> bytes:
        """The canonical encoding, with line breaks for people."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def decode(cls, raw: bytes) -> Manifest:
        """Decode a manifest; ValueError if it is not exactly as a portal encodes it."""
        try:
            made = msgspec.json.decode(raw, type=cls)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise ValueError(f"The manifest is not one that a portal writes: {error}") from None
        if made.format != FORMAT:
            raise ValueError(f"The manifest is of another format than “{FORMAT}”.")
        if made.encode() != raw:  # such as duplicate keys, which readers resolve differently
            raise ValueError("The manifest is not written as a portal writes it.")
        if len({MANIFEST, *(file.name for file in made.files)}) <= len(made.files):
            raise ValueError("The manifest names a file twice, or itself.")
        if any(moment.utcoffset() for moment in (made.moment, made.since, made.made_at)):
            raise ValueError("The manifest has times that are not in UTC.")
        return made
