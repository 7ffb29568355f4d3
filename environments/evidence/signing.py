"""The keys of evidence: Ed25519, so that anyone can verify with the public key what only the portal can sign.

The private key is PORTAL_EVIDENCE_KEY, or derived from the portal's secret key for this purpose alone. Keys derived
from the present and former secret keys stay trusted, so that their signatures remain valid.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

KEY_BYTES, SIGNATURE_BYTES = 32, 64
_PURPOSE = b"environment portal: signature of evidence, 1"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key, 32 bytes."""

    raw: bytes

    @classmethod
    def read(cls, text: str) -> PublicKey:
        """Parse PEM, or 32 bytes in base64; ValueError."""
        if "-----BEGIN" in text:
            return cls(_from_pem(text))
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise ValueError("A public key is PEM, or 32 bytes in base64, as make_evidence --public-key prints it.")
        return cls(raw)

    @property
    def text(self) -> str:
        """The key in base64."""
        return base64.b64encode(self.raw).decode()

    @property
    def pem(self) -> str:
        """The key as PEM, for openssl and others."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the key in hexadecimal."""
        return hashlib.sha256(self.raw).hexdigest()

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is this key's over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(message: bytes) -> bytes:
    """The portal's signature, 64 bytes."""
    return _private().sign(message)


def public_key() -> PublicKey:
    """The public key of the portal's present signatures."""
    return _public(_private())


def own_keys() -> list[PublicKey]:
    """The present key, and those that the portal may have signed with before."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return list(dict.fromkeys([public_key(), *(_public(_derived(secret)) for secret in secrets)]))


def _private() -> Ed25519PrivateKey:
    if not settings.EVIDENCE_KEY:
        return _derived(settings.SECRET_KEY)
    try:
        raw = base64.b64decode(settings.EVIDENCE_KEY, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise ImproperlyConfigured("PORTAL_EVIDENCE_KEY has to be 32 bytes in base64: openssl rand -base64 32")
    return Ed25519PrivateKey.from_private_bytes(raw)


def _derived(secret: str) -> Ed25519PrivateKey:
    raw = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_PURPOSE).derive(secret.encode())
    return Ed25519PrivateKey.from_private_bytes(raw)


def _public(key: Ed25519PrivateKey) -> PublicKey:
    return PublicKey(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def _from_pem(text: str) -> bytes:
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    raise ValueError("The PEM holds no Ed25519 public key.")
