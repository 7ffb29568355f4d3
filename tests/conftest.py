"""For every test."""

import pytest


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Hashing a password well takes most of a second, and hundreds of tests make a user."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
