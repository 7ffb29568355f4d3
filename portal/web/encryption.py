"""Secrets that the portal has to use itself, encrypted where they are stored; the keys come from its secret keys."""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from portal.ona.documents.tokens import Secret


class NotDecrypted(Exception):
    """It was encrypted for another purpose, too long ago, or with a secret key that the portal no longer has."""


def encrypt(secret: Secret, purpose: str) -> str:
    """What can be stored; only the same `purpose` reads it."""
    return _cipher(purpose).encrypt(secret.reveal().encode()).decode()


def decrypt(stored: str, purpose: str, *, max_age: int | None = None) -> Secret:
    """The secret, encrypted at most `max_age` seconds ago. NotDecrypted."""
    try:
        return Secret(_cipher(purpose).decrypt(stored.encode(), ttl=max_age).decode())
    except InvalidToken:
        raise NotDecrypted from None


def _cipher(purpose: str) -> MultiFernet:
    """Encrypts with the secret key of now, and decrypts with former ones, too."""
    return MultiFernet([_key(key, purpose) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret_key: str, purpose: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=f"environment portal: {purpose}".encode())
    return Fernet(base64.urlsafe_b64encode(derived.derive(secret_key.encode())))
