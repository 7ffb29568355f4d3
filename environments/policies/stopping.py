"""When an environment that is up stops by itself: its timeout after its last use, as far as that is known.

By Ona's documentation ("Environment timeout") background processes do not keep it from going idle: running tasks and
services are no signs of use, however long they run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Case, DateTimeField, ExpressionWrapper, F, Q, Value, When
from django.db.models.functions import Least

from environments.models import Environment
from environments.policies.verdict import NEVER, UP
from portal.web.formatting import ago_words, due_words, duration_words

# Ona tells signs of use about every five minutes: a stop that is overdue by less may only not have been seen yet.
SIGNALS_EVERY = timedelta(minutes=5)
NO_TIMEOUT = timedelta(0)
LONGEST = timedelta(days=36_500)  # a longer timeout, which Ona can note, is none in effect
SENSIBLE = datetime(9000, 1, 1, tzinfo=UTC)  # times of Ona's from here on are none
IS_UP = Q(gone_at=None, archived_at=None, phase__in=UP)
ENDLESS = Q(timeout=NO_TIMEOUT) | Q(timeout__gt=LONGEST)
TIMED = IS_UP & Q(timeout__gt=NO_TIMEOUT, timeout__lte=LONGEST, last_used_at__lt=SENSIBLE)
TIMEOUT = Least(F("timeout"), Value(LONGEST))  # conditions may be evaluated in any order
STATUSES = {
    "soon": "stops within 2 h",
    "today": "stops within 24 h",
    "overdue": "overdue",
    "never": "never stops",
    "unknown": "unknown",
}
WITHIN = {"soon": timedelta(hours=2), "today": timedelta(hours=24)}
# when each of those that are up stops; absent where that is never, or unknown
AT = Case(
    When(TIMED, then=ExpressionWrapper(F("last_used_at") + TIMEOUT, output_field=DateTimeField())),
    default=Value(None),
    output_field=DateTimeField(),
)


@dataclass(frozen=True, slots=True)
class Stop:
    """`at` is None if it never stops by itself, or if that is unknown. Later use puts it off."""

    status: str
    at: datetime | None
    because: str

    def words(self, now: datetime) -> str:
        """When, in short."""
        if self.at is None:
            return STATUSES[self.status]
        return f"overdue, since {ago_words(self.at, now)}" if self.status == "overdue" else due_words(self.at, now)


def find_stop(environment: Environment, now: datetime) -> Stop | None:
    """None for an environment that is not up."""
    return find_stop_after(environment, environment.timeout, now)


def find_stop_after(environment: Environment, timeout: timedelta | None, now: datetime) -> Stop | None:
    """The same if its timeout were this."""
    if environment.gone_at or environment.archived_at or environment.phase not in UP:
        return None
    used = environment.last_used_at
    if timeout is not None and (timeout <= NO_TIMEOUT or timeout > LONGEST):
        return Stop("never", None, "Its timeout is off: it runs until somebody stops it.")
    if used is not None and used >= SENSIBLE:
        return Stop("unknown", None, "When it was last used is unknown.")
    if timeout is None or used is None:
        return Stop("unknown", None, "Its timeout is the organization's or Ona's default, which Ona does not report.")
    at, after = used + timeout, duration_words(timeout)
    if at > now:
        status = next((word for word, delay in WITHIN.items() if at <= now + delay), "later")
        return Stop(status, at, f"{after} after it was last used, unless it is used again.")
    return Stop("overdue", at, f"It should have stopped {after} after it was last used. Ona may know of later use.")


def stops_before(at: datetime) -> Q:
    """Those that stop by then, overdue ones among them."""
    return TIMED & Q(last_used_at__lte=ExpressionWrapper(Value(at) - TIMEOUT, output_field=DateTimeField()))


def stops(word: str, now: datetime) -> Q:
    """Of the environments that are up, those with a status."""
    if word == "never":
        return IS_UP & ENDLESS
    if word == "unknown":
        return IS_UP & (Q(timeout=None) | ~ENDLESS & (Q(last_used_at=None) | Q(last_used_at__gte=SENSIBLE)))
    if word == "overdue":
        return stops_before(now)
    return stops_before(now + WITHIN[word]) & ~stops_before(now) if word in WITHIN else NEVER
