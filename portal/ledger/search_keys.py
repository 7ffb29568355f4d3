"""The words of the operations' search box, and what each asks of the table."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q, Value
from django.db.models.functions import Upper
from django.utils import timezone

from portal.ledger.labels import ACTIONS
from portal.ledger.models import Origin, Outcome
from portal.lists.search import Key, Term, listed, one_of

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
UNITS = {"min": MINUTE, "m": MINUTE, "h": timedelta(hours=1), "d": DAY, "w": 7 * DAY}
_SPAN = re.compile(r"([1-9][0-9]{0,3})(min|m|h|d|w)")
_ID = re.compile(r"[0-9a-f]{1,32}")

OUTCOMES: dict[str, Q] = {"open": Q(closed_at=None)} | {value: Q(outcome=value) for value in Outcome.values}
ORIGINS: dict[str, Q] = {value: Q(origin=value) for value in Origin.values}


def contains(text: str) -> Q:
    """Operations of which a searched column contains the text, in any case; the trigram index finds them."""
    return Q(search__contains=Upper(Value(text)))


def asks(term: Term) -> Q:
    """What a term of a parsed query asks for."""
    read = KEYS[term.key].read if term.key else contains
    condition: Q = reduce(or_, (read(value) for value in term.values))
    return ~condition if term.negated else condition


def span(text: str) -> timedelta:
    """ "7d" → 7 days; raises ValueError."""
    match = _SPAN.fullmatch(text.lower())
    if not match:
        raise ValueError(f"takes a span such as 24h or 7d, not {text[:60]}")
    return int(match[1]) * UNITS[match[2]]


def since(text: str) -> Q:
    """Asked for within this span."""
    return Q(asked_at__gte=timezone.now() - span(text))


def moment(text: str, *, at_the_end: bool = False) -> datetime:
    """A time in UTC unless it names its zone, to the minute; a day alone is its first minute, or its last.

    Raises ValueError.
    """
    text = text.upper()
    is_day = "T" not in text
    try:
        value = datetime.fromisoformat(text)
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        last = value + (DAY - MINUTE) if is_day and at_the_end else value
    except (ValueError, OverflowError):
        raise ValueError(f"takes a time such as 2026-01-31 or 2026-01-31T09:30, not {text[:60]}") from None
    return last.replace(second=0, microsecond=0)


def from_(text: str) -> Q:
    """Asked for at this time or later."""
    return Q(asked_at__gte=moment(text))


def to(text: str) -> Q:
    """Asked for at this time or before; its minute is part of it."""
    return Q(asked_at__lte=moment(text, at_the_end=True).replace(second=59, microsecond=999_999))


def target(text: str) -> Q:
    """What was changed: by a part of its name, or by its id or that of its environment."""
    try:
        identity = UUID(text)
    except ValueError:
        return contains(text) & Q(target_name__icontains=text)
    # no index is on target_id: the text index narrows it
    return Q(environment_id=identity) | contains(str(identity)) & Q(target_id=identity)


def _action(text: str) -> Q:
    """An action by its name, else all whose name or words contain the text."""
    if text in ACTIONS:
        return Q(action=text)
    known = [name for name, words in ACTIONS.items() if text.lower() in words.lower()]
    return contains(text) & Q(action__icontains=text) | Q(action__in=known)


def _part_of(column: str) -> Callable[[str], Q]:
    """A part of a column; the text index narrows."""
    return lambda text: contains(text) & Q(**{f"{column}__icontains": text})


def _reason(text: str) -> Q:
    return Q(reason="") if text.lower() == "none" else _part_of("reason")(text)


def _id(text: str) -> Q:
    """An id or its beginning: ids that begin alike lie side by side in the primary key."""
    digits = text.lower().replace("-", "")
    if not _ID.fullmatch(digits):
        raise ValueError("takes an operation's id or its beginning")
    return Q(id__gte=UUID(digits.ljust(32, "0")), id__lte=UUID(digits.ljust(32, "f")))


KEYS = {
    key.name: key
    for key in (
        Key("actor", "a part of the name of who asked", "actor:ann", _part_of("actor_name")),
        Key("action", "an action, or a part of its words", "action:environment.stop", _action),
        Key("target", "a part of the name of what was changed, or an id", "target:otter", target),
        Key("outcome", listed(OUTCOMES), "outcome:failed,unknown", one_of(OUTCOMES)),
        Key("since", "a span such as 24h or 7d", "since:7d", since),
        Key("from", "a day or a time (UTC)", "from:2026-01-31", from_),
        Key("to", "a day or a time (UTC), which is part of it", 'to:"2026-01-31T18:00"', to),
        Key("reason", "a part of the reason, or none", "reason:cost", _reason),
        Key("origin", listed(ORIGINS), "origin:api", one_of(ORIGINS)),
        Key("id", "an operation's id or its beginning", "id:018f3c", _id),
    )
}
