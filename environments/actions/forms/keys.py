"""SSH public keys as OpenSSH writes them (RFC 4253 6.6): what is one, why something is not, and its fingerprint."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

ECDSA = {"ecdsa-sha2-nistp256": b"nistp256", "ecdsa-sha2-nistp384": b"nistp384", "ecdsa-sha2-nistp521": b"nistp521"}
# type → how many fields follow its name in the key
FIELDS = {
    "ssh-ed25519": 1,
    "ssh-rsa": 2,
    **dict.fromkeys(ECDSA, 2),
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}
ED25519_BYTES = 32
SHAPE = "A public key is one line: type, key and comment, such as “ssh-ed25519 AAAA… ann@laptop”."


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`blob` is the key itself, without its comment."""

    kind: str
    blob: bytes
    comment: str

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        return "SHA256:" + b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        """As it goes into an authorized_keys file."""
        return f"{self.kind} {b64encode(self.blob).decode()} {self.comment}".rstrip()


def is_private(text: str) -> bool:
    """Whether this holds a private key, which must not be shown again or kept."""
    return "PRIVATE KEY" in text.upper() or "PUTTY-USER-KEY-FILE" in text.upper()


def read_key(line: str) -> PublicKey:
    """The key in `line`; ValueError saying why it is none."""
    if is_private(line):
        raise ValueError("This is a private key. Nobody but its owner may have it: paste the .pub file.")
    if line.startswith("----"):
        raise ValueError("This is not OpenSSH's format. “ssh-keygen -i -f FILE” converts it.")
    kind, _, rest = line.strip().partition(" ")
    text, _, comment = rest.strip().partition(" ")
    if kind not in FIELDS:
        raise ValueError(_unknown(kind, line))
    if not text:
        raise ValueError(f"There is no key after its type. {SHAPE}")
    try:
        blob = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("The key is not base64: it was cut off or changed. Copy the whole line.") from None
    _check(kind, blob)
    return PublicKey(kind, blob, comment.strip())


def _unknown(kind: str, line: str) -> str:
    if any(f" {known} " in line for known in FIELDS):
        return "There are options before the key. Leave them out: the line starts with the key's type."
    known = ", ".join(FIELDS)
    return f"“{kind[:60]}” is no type of key that is taken here ({known}). {SHAPE}"


def _check(kind: str, blob: bytes) -> None:
    """ValueError unless the blob is a key of this kind."""
    name, *fields = _fields(blob)
    if name != kind.encode():
        raise ValueError("The key is of another type than the line says. Copy the whole line.")
    if len(fields) != FIELDS[kind] or not all(fields):
        raise ValueError("The key lacks parts that a key of its type has. Copy the whole line.")
    if kind.endswith("ssh-ed25519") or kind.startswith("sk-ssh-ed25519"):
        is_right = len(fields[0]) == ED25519_BYTES
    else:
        is_right = kind not in ECDSA or fields[0] == ECDSA[kind]
    if not is_right:
        raise ValueError("The length or curve of the key does not match its type. Copy the whole line.")


def _fields(blob: bytes) -> list[bytes]:
    """The length-prefixed strings that `blob` is made of."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4])
        if len(blob) < 4 or length > len(blob) - 4:
            raise ValueError("The key is cut short. Copy the whole line.")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found or [b""]
