"""One migrated database for all workers of a run: rendering the migrations costs each of them 10 s."""

from __future__ import annotations

import os

from django.db import connection

_LOCK = 7391


def use_template(name: str) -> None:
    """Let the test database be a copy of the database `name`, which is made where it does not exist yet."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return  # nobody to share with
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # until this connection closes
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is None:
            _make(name)
    connection.settings_dict["TEST"]["TEMPLATE"] = name


def _make(name: str) -> None:
    """The database as migrations leave it, and nobody connected to it: Postgres copies no other."""
    own, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    expected, test["NAME"] = test["NAME"], name
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["NAME"], test["NAME"] = own, expected
