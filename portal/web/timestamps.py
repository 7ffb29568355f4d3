"""Timestamps of the database, read by psycopg in C.

Django registers a loader of its own, written in Python, which gives every value the timezone once more: 23 times the
CPU. Its connections are in UTC (USE_TZ), so psycopg's values are the same.
"""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.psycopg_any import get_adapters_template
from psycopg.abc import Loader
from psycopg.postgres import types
from psycopg.pq import Format
from psycopg.types.datetime import TimestamptzLoader

# The one in C, where psycopg has it.
_OPTIMISED = psycopg.adapters.get_loader(types["timestamptz"].oid, Format.TEXT) or TimestamptzLoader


class _Optimised:
    """Makes psycopg's loader, which cannot be subclassed.

    Django compares `timezone` with the connection's, and registers its own loader again where they differ.
    """

    format = Format.TEXT
    timezone = connection.timezone

    def __new__(cls, *args: Any) -> Loader:  # type: ignore[misc]
        return _OPTIMISED(*args)


def read_in_c() -> None:
    """For all connections of this process that are opened from now on."""
    template = get_adapters_template(settings.USE_TZ, connection.timezone)
    template.register_loader("timestamptz", _Optimised)
