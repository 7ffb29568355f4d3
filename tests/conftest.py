"""For every test."""

import pytest
from django.db import connection


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Hashing a password well takes most of a second, and hundreds of tests make a user."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests of real transactions end by emptying every table, which the ledger would refuse."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_operation DISABLE TRIGGER ledger_truncate")
