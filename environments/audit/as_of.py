"""The organization as it was known at a past moment, rebuilt from transitions.

Within `as_of(moment)` every query on environments reads them as they were known then: the database puts a common table
expression of the same name before the table. Lists, filters, counts and audits need not know of it.

Rebuilt is what transitions tell of (TEXTS, TIMES), what the specification that was known then says (SPECIFIED), and
which environments had been seen. A use later than the moment is not known then. All other columns are as now, and pages
say so. What came and went between two sweeps, such as a start that soon ended, was never seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection
from django.utils import timezone

from environments import moment as moments
from environments.freshness import intervals
from environments.models import Environment, Field, Phase, Stop, SyncRun
from portal.web.search import Problem

TEXTS = (Field.PHASE, Field.MACHINE, Field.CONTENT, Field.DEVCONTAINER, Field.AUTOMATIONS, Field.FAILURE)
TIMES = (Field.ARCHIVED, Field.LOCKDOWN, Field.GONE)
USES = ("active_at", "last_started_at", "last_used_at")
TAKES = "takes a moment in UTC such as 2026-10-31T23:59Z"
MISSED_SWEEPS = 3  # so many intervals without a good sweep, and nothing counts as observed
# The value at the moment is what the first change after it changed; where none came, it is as it is now.
OLD = """(SELECT {value} FROM environments_transition t
    WHERE t.environment_id = e.id AND t.field = '{field}' AND t.seen_at > {moment} ORDER BY t.seen_at, t.id LIMIT 1)"""
TEXT = f"coalesce({OLD.replace('{value}', 't.old')}, e.{{field}})"
# 'infinity' stands for "absent" so that it is told from "no change came"
TIME = (
    "nullif(coalesce("
    + OLD.replace("{value}", "coalesce(nullif(t.old, '')::timestamptz, 'infinity')")
    + ", e.{field}), 'infinity')"
)
TRUTH = f"nullif(coalesce({OLD.replace('{value}', 't.old')}, e.{{field}}::text, ''), '')::boolean"
# What the specification that held then says, by column.
SPECIFICATION = """coalesce((SELECT {value} FROM environments_specificationversion v
    WHERE v.environment_id = e.id AND v.seen_at <= {moment} ORDER BY v.spec_version DESC LIMIT 1), e.{field})"""
SPECIFIED = {
    "spec_version": "v.spec_version",
    "desired_phase": "coalesce(v.spec ->> 'desiredPhase', '')",
    "never_stops": "coalesce(v.spec -> 'timeout' ->> 'disconnected', '') ~ '^0+(\\.0+)?s$'",
    "open_to_everyone": """jsonb_path_exists(v.spec, '$.ports[*] ? (@.admission == "ADMISSION_LEVEL_EVERYONE")')""",
}
ENVIRONMENTS = """environments_environment AS NOT MATERIALIZED (
    SELECT {columns} FROM environments_environment e WHERE e.first_seen_at <= {moment})"""
# In front of the other, so that it reads the table itself. Without a stop until then it was first seen stopped, or the
# stop belongs to a phase that was not its phase then.
STOPS = f"""environments_stop AS NOT MATERIALIZED (
    SELECT s.environment_id, s.old_seen_at, s.seen_at FROM environments_stop s WHERE s.seen_at <= {{moment}}
    UNION ALL
    SELECT s.environment_id, t.old_seen_at, coalesce(t.seen_at, e.first_seen_at)
    FROM environments_stop s JOIN environments_environment e ON e.id = s.environment_id
    LEFT JOIN LATERAL (
        SELECT t.old_seen_at, t.seen_at FROM environments_transition t
        WHERE t.environment_id = s.environment_id AND t.seen_at <= {{moment}}
            AND ((t.field = '{Field.PHASE.value}' AND t.new = '{Phase.STOPPED.value}')
                OR (t.field = '{Field.ARCHIVED.value}' AND t.new = ''))
        ORDER BY t.seen_at DESC, t.id DESC LIMIT 1
    ) t ON TRUE
    WHERE s.seen_at > {{moment}})"""  # noqa: S608 (constants)


@dataclass(frozen=True, slots=True)
class Observed:
    """What the portal knew at a moment: the good sweeps before and after it (when they began), None for none."""

    moment: datetime
    last: datetime | None
    next: datetime | None

    @property
    def is_gap(self) -> bool:
        """Whether nothing was observed then: what is shown is what was known at `last`."""
        limit = MISSED_SWEEPS * intervals()[SyncRun.Kind.ENVIRONMENTS]
        return self.last is None or self.moment - self.last > limit


def read_moment(text: str) -> tuple[datetime | None, Problem | None]:
    """The moment that an address names with `as_of`, None for now; and why one that is given cannot be shown."""
    text = text.strip()
    if not text:
        return None, None
    typed = f"as_of={text}"[:60]
    try:
        moment = _parsed(text)
    except (ValueError, OverflowError):
        return None, Problem(typed, f"{TAKES}; the page is as of now")
    if moment > timezone.now():
        return None, Problem(typed, "it lies in the future, of which nothing is known; the page is as of now")
    first = _sweeps().order_by("started_at").values_list("started_at", flat=True).first()
    if first is None or moment < first:
        since = f"began on {first:%Y-%m-%d %H:%M} UTC" if first else "has not ended yet"
        return None, Problem(typed, f"nothing was known then: the first sweep {since}; the page is as of now")
    return moment, None


def observed(moment: datetime) -> Observed:
    """The good sweeps beside a moment, in two queries."""
    begins = _sweeps().values_list("started_at", flat=True)
    last = begins.filter(started_at__lte=moment).order_by("-started_at").first()
    return Observed(moment, last, begins.filter(started_at__gt=moment).order_by("started_at").first())


@contextmanager
def as_of(moment: datetime | None) -> Iterator[None]:
    """What is read of environments within is as it was known at `moment`; as it is known now for None."""
    if moment is None:
        yield
        return
    with moments.standing_at(moment), connection.execute_wrapper(_shadow(moment)):
        yield


def _sweeps() -> Any:
    return SyncRun.objects.filter(kind=SyncRun.Kind.ENVIRONMENTS, state=SyncRun.State.SUCCEEDED)


def _parsed(text: str) -> datetime:
    """A space before the zone is a plus that an address lost."""
    head, separator, zone = text.rpartition(" ")
    moment = datetime.fromisoformat(f"{head}+{zone}" if separator and "T" in head else text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


Execute = Callable[[str, Any, bool, dict[str, Any]], Any]


def _shadow(moment: datetime) -> Callable[[Execute, str, Any, bool, dict[str, Any]], Any]:
    """A wrapper of the database connection that puts the tables of then before those of now, for reads alone."""
    shadows = {
        f'"{Stop._meta.db_table}"': STOPS.format(moment=_literal(moment)),
        f'"{Environment._meta.db_table}"': _environments(_literal(moment)),
    }

    def execute(run: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.startswith(("SELECT", "(")):
            wanted = [shadow for table, shadow in shadows.items() if table in sql]
            sql = f"WITH {', '.join(wanted)} {sql}" if wanted else sql
        return run(sql, params, many, context)

    return execute


@cache
def _columns() -> tuple[str, ...]:
    return tuple(field.column for field in Environment._meta.concrete_fields if field.column)


def _environments(moment: str) -> str:
    then = {field.value: TEXT.replace("{field}", field.value) for field in TEXTS}
    then |= {field.value: TIME.replace("{field}", field.value) for field in TIMES}
    then[Field.SECRETS.value] = TRUTH.replace("{field}", Field.SECRETS.value)
    then |= {
        name: SPECIFICATION.replace("{value}", value).replace("{field}", name) for name, value in SPECIFIED.items()
    }
    then |= {name: f"CASE WHEN e.{name} <= {{moment}} THEN e.{name} END" for name in USES}
    then["failing"] = f"({then[Field.FAILURE]} <> '')"
    columns = ", ".join(f'{then.get(name, f"e.{name}")} AS "{name}"' for name in _columns())
    return ENVIRONMENTS.replace("{columns}", columns).replace("{moment}", moment)


def _literal(moment: datetime) -> str:
    """As SQL: nothing in a time can end the literal."""
    return f"TIMESTAMPTZ '{moments.written(moment)}'"
