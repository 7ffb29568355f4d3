"""How the secrets of second factors are stored (MFA_ADAPTER): encrypted with a key that the secret key gives."""

from __future__ import annotations

import base64
from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser

PURPOSE: Final = b"environment portal: second factors, 1"


class SecondFactors(DefaultMFAAdapter):
    """allauth stores what `encrypt` returns."""

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises InvalidToken if the secret key of its time is no longer configured."""
        return unseal(encrypted_text)

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()


def seal(text: str) -> str:
    """Encrypt and sign a text."""
    return _cipher().encrypt(text.encode()).decode()


def unseal(sealed: str, *, max_age: int | None = None) -> str:
    """What was sealed, at most `max_age` seconds ago. Raises InvalidToken."""
    return _cipher().decrypt(sealed.encode(), ttl=max_age).decode()


def _cipher() -> MultiFernet:
    """Former keys still read."""
    return MultiFernet([Fernet(_key(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> bytes:
    return base64.urlsafe_b64encode(HKDF(SHA256(), 32, salt=None, info=PURPOSE).derive(secret.encode()))
