"""Whether and when to retry a failed call: pure, without clock or random numbers of its own."""

from .errors import (
    Aborted,
    Canceled,
    DeadlineExceeded,
    Internal,
    MalformedAnswer,
    NotOna,
    OnaError,
    ResourceExhausted,
    Unavailable,
    Unknown,
    Unreachable,
)

LONGEST_WAIT = 120.0
"""Seconds; asked to wait longer, the call fails and says so."""

_FIRST_BACKOFF, _LONGEST_BACKOFF = 0.25, 10.0
_PASSING = (
    Aborted,
    Canceled,
    DeadlineExceeded,
    Internal,
    MalformedAnswer,
    ResourceExhausted,
    Unavailable,
    Unknown,
    Unreachable,
)


def next_wait(error: OnaError, *, attempt: int, attempts: int, repeatable: bool, dice: float) -> float | None:
    """Seconds to wait before attempt `attempt + 1`, or None to give up.

    `attempt` counts from 1; `repeatable`: the call changes nothing; `dice` is a random number in [0, 1). A call that
    changes something is repeated only if it certainly was not done.
    """
    if attempt >= attempts or not (_may_pass(error) if repeatable else _was_not_done(error)):
        return None
    if error.retry_after is not None:
        return error.retry_after if error.retry_after <= LONGEST_WAIT else None
    return dice * min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** (attempt - 1))


def _may_pass(error: OnaError) -> bool:
    return isinstance(error, _PASSING) and not isinstance(error, NotOna)


def _was_not_done(error: OnaError) -> bool:
    if isinstance(error, ResourceExhausted):
        return error.retry_after is not None
    return isinstance(error, Unreachable) and not error.sent
