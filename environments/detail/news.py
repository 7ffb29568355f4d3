"""Whether anything changed of what an environment's page shows, in one query for each app."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import connection

# The row itself and when it was last seen, its operations (what is said of the latest goes by the time, too), the
# entries of Ona's audit log about it, and secrets.
OWN = """
SELECT (SELECT changed_at FROM environments_environment WHERE id = %(id)s),
    (SELECT seen_at FROM environments_sighting WHERE environment_id = %(id)s),
    (SELECT (count(*), count(closed_at), count(*) FILTER (WHERE outcome = 'unknown'))::text
        FROM ledger_operation WHERE environment_id = %(id)s),
    (SELECT floor(extract(epoch FROM now()) / 30) FROM ledger_operation
        WHERE environment_id = %(id)s AND asked_at > now() - interval '1 hour' LIMIT 1),
    (SELECT count(*) FROM ledger_auditlog WHERE subject_id = %(id)s),
    (SELECT max(changed_at) FROM environments_secret)
"""


def _own(environment_id: UUID) -> str:
    return one_row(OWN, environment_id)


# Other apps have changes of their own (automations.registration).
SOURCES: list[Callable[[UUID], str]] = [_own]


def token(environment_id: str) -> str:
    """Another text after any change; ValueError for what is no id."""
    id_ = UUID(environment_id)
    return "|".join(source(id_) for source in SOURCES)


def one_row(statement: str, id_: UUID) -> str:
    """The only row of a statement about one thing, as text; ValueError if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, {"id": id_})
        row = cursor.fetchone()
    if row is None:
        raise ValueError("there is no such row")
    return "-".join(str(value) for value in row)
