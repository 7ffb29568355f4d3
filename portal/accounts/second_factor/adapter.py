"""How the secrets of second factors are stored (MFA_ADAPTER): encrypted with a key that the secret key gives."""

from __future__ import annotations

from typing import Final

from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.base_user import AbstractBaseUser

from portal.ona.documents.tokens import Secret
from portal.web.encryption import decrypt, encrypt

PURPOSE: Final = "second factors, 1"


class SecondFactors(DefaultMFAAdapter):
    """allauth stores what `encrypt` returns."""

    def encrypt(self, text: str) -> str:
        return encrypt(Secret(text), PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises NotDecrypted if the secret key of its time is no longer configured."""
        return decrypt(encrypted_text, PURPOSE).reveal()

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()
