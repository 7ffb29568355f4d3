"""The text of a token. It is shown once; what is stored is its beginning and a digest."""

from __future__ import annotations

import hashlib

from django.utils.crypto import get_random_string

from portal.ona.documents.tokens import Secret

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
PREFIX_LENGTH = 8  # after "portal_"
LENGTH = 52  # 268 bits: too many to guess, so a digest without salt and stretching is enough


def generate() -> tuple[str, Secret]:
    """The readable prefix of a new token, and the whole token."""
    prefix = f"portal_{get_random_string(PREFIX_LENGTH, ALPHABET)}"
    return prefix, Secret(f"{prefix}_{get_random_string(LENGTH, ALPHABET)}")


def digest(text: str) -> str:
    """What a token is stored and found by. Finding it by a digest tells nobody by its duration how much was right."""
    return hashlib.sha256(text.encode()).hexdigest()
