"""An operation, or an entry of the access log, compared with the entries of the chain about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from portal.ledger.models import Entry

Row = dict[str, Any]
FIRST = frozenset({Entry.Kind.BEGUN.value, Entry.Kind.CHAINED_LATER.value, Entry.Kind.ACCESS.value})
# What may be written after the beginning, and what of it once: see migrations/0002_append_only.py.
ONCE = frozenset({"target_id", "environment_id", "sent_at"})
LATER = frozenset({"after", "closed_at", "outcome", "code", "message", "request_id", "explanation"}) | ONCE
# A column that a later version of the portal adds is in no entry of before; it is empty there.
EMPTY: tuple[Any, ...] = (None, "", {}, [])
LONGEST = 80


@dataclass(frozen=True, slots=True)
class Number:
    """A number of JSON as it is written: 1 and 1.0 are not the same, and no digit is lost."""

    text: str

    def __str__(self) -> str:
        return self.text


_DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number)  # json.loads makes one for each text
_as_written = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NULL = msgspec.Raw(b"null")


class Told(NamedTuple):
    """The entries of one operation, in order: their numbers, kinds and contents."""

    sequences: list[int]
    kinds: list[str]
    contents: list[str]


def compare(identity: str, now: str | None, told: Told | None) -> Iterator[str]:
    """What differs, in words; `now` is the operation as JSON, None where it is not there, as `told` without entries."""
    if told is None:
        yield f"{_name(identity, _exact(now or ''))} is in no entry: it was written past the chain."
        return
    if now is not None and _is_to_the_letter(now, told):
        return
    writes = [_exact(content) for content in told.contents]
    tells = _told_by(writes)
    name = _name(identity, tells)
    yield from (f"{name}: {words}" for words in _unlawful(told, writes))
    if now is None:
        yield f"{name} is missing: {_entries(told)} of it, and it was deleted."
        return
    is_now = _exact(now)
    for column in dict.fromkeys((*tells, *is_now)):
        if not _same(column, tells, is_now):
            was, becomes = _shown(tells, column), _shown(is_now, column)
            yield f"{name}: {_entries(told)} that its {column} was {was}, and it is {becomes}."


def _is_to_the_letter(now: str, told: Told) -> bool:
    """Whether it is as its entries tell in every letter: nearly all are, which needs no value to be read."""
    try:
        is_now, *writes = map(_columns, (now, *told.contents))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return False
    return _told_by(writes) == is_now and not any(_unlawful(told, writes))


def _columns(text: str) -> Row:
    return {name: None if value == _NULL else value for name, value in _as_written(text).items()}


def _told_by(writes: Iterable[Row]) -> Row:
    """The columns after all of these writes."""
    tells: Row = {}
    for write in writes:
        tells |= write
    return tells


def _unlawful(told: Told, writes: list[Row]) -> Iterator[str]:
    """Writes that the ledger refuses, in the order they were made."""
    first, so_far, closed_by = told.sequences[0], dict(writes[0]), 0
    if told.kinds[0] not in FIRST:
        yield f"its first entry, {first}, is not its beginning ({told.kinds[0]})."
    if so_far.get("closed_at") is not None or told.kinds[0] == Entry.Kind.ACCESS:
        closed_by = first
        if told.kinds[0] == Entry.Kind.BEGUN:
            yield f"entry {first} begins it as already ended."
    for sequence, kind, write in zip(told.sequences[1:], told.kinds[1:], writes[1:], strict=True):
        if kind in FIRST:
            yield f"entry {sequence} begins it a second time."
        if closed_by:
            yield f"entry {sequence} changed it ({', '.join(sorted(write))}) after entry {closed_by} had closed it."
        if kept := [name for name in sorted(write) if not _may_change(name, so_far)]:
            yield f"entry {sequence} changed what was to stay: {', '.join(kept)}."
        so_far |= write
        if not closed_by and so_far.get("closed_at") is not None:
            closed_by = sequence


def _may_change(column: str, so_far: Row) -> bool:
    return column in LATER and (column not in ONCE or so_far.get(column) is None)


def _same(column: str, tells: Row, is_now: Row) -> bool:
    if column not in tells:
        return is_now[column] in EMPTY
    # true equals 1 in Python, but numbers are read as something else here
    return column in is_now and bool(tells[column] == is_now[column])


def _exact(text: str) -> Row:
    """A JSON object with its numbers as written; empty for anything else, which has a finding of its own."""
    try:
        read = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _name(identity: str, row: Mapping[str, Any]) -> str:
    """An operation, or an entry of the access log, by its id and what it was."""
    if row.get("kind"):
        return f"Access log entry {identity} ({row['kind']} by {row.get('actor_name') or 'nobody'})"
    if not row.get("action"):
        return f"Operation {identity}"
    return f"Operation {identity} ({row['action']} of {row.get('target_name') or 'unknown'} by {row.get('actor_name')})"


def _entries(told: Told) -> str:
    numbers = ", ".join(map(str, told.sequences[:6])) + (", …" if len(told.sequences) > 6 else "")
    return f"entry {numbers} tells" if len(told.sequences) == 1 else f"entries {numbers} tell"


def _shown(row: Row, column: str) -> str:
    """A value as JSON, cut where it is long."""
    if column not in row:
        return "not there"
    text = json.dumps(row[column], ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
