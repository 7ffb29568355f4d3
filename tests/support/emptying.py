"""Empty tables after a test of real transactions, without what Django's own way costs for each of hundreds of tests.

Django empties every table, filled or not, and makes content types and permissions anew. Here only filled tables are
emptied, and what the migrations put there stays: content types, permissions and roles.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from psycopg import sql

FROM_MIGRATIONS = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
# The triggers that refuse to empty the ledger.
GUARDS = {
    "ledger_operation": "ledger_truncate",
    "ledger_entry": "ledger_entry_truncate",
    "ledger_verification": "ledger_verification_truncate",
    "ledger_accessentry": "ledger_access_truncate",
    "ledger_auditlog": "ledger_auditlog_truncate",
}


def let_the_ledger_be_emptied() -> None:
    """For the length of the run."""
    with connection.cursor() as cursor:
        for table, trigger in GUARDS.items():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")


def empty_filled_tables(*_: Any) -> None:
    """In place of TransactionTestCase._fixture_teardown."""
    with connection.cursor() as cursor:
        if names := filled(cursor):
            tables = sql.SQL(", ").join(map(sql.Identifier, names))
            cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(tables))


def filled(cursor: Any) -> list[str]:
    """The tables that have rows, but for what migrations put there."""
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    asked = [
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(table, sql.Identifier(table))
        for table in sorted(tables - FROM_MIGRATIONS)
    ]
    cursor.execute(sql.SQL(" UNION ALL ").join(asked))
    return [name for (name,) in cursor.fetchall()]
