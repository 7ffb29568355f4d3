"""Values before and after, field by field.

Nested objects become dotted paths. In lists, objects are matched by what they are known by (port, id, …), plain values
by themselves, anything else by position: `ports[8080].admission`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.utils import timezone

from portal.ledger.recording import NOT_KEPT
from portal.web.enum_labels import enum_label
from portal.web.formatting import UNKNOWN, due_words, duration_words, phase_word

DEEPEST = 12
KNOWN_BY = ("port", "id", "name", "environmentVariable", "path")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_ENUM = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_DURATION = re.compile(r"-?\d{1,12}(\.\d{1,9})?s")


class _Absent:
    """A value that is not there, which null is."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class Kind(StrEnum):
    """What happened to a field. "Unchanged" fields were recorded but not part of the request."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LEFT_ALONE = "left alone"


@dataclass(frozen=True, slots=True)
class Side:
    """A value on one side: `raw` as written, `words` for times, durations and enums; neither where it is absent."""

    raw: str
    words: str = ""
    is_absent: bool = False
    is_empty: bool = False

    @property
    def is_enum(self) -> bool:
        """Whether it is a constant of Ona's that has words: these are shown in its place."""
        return bool(self.words and _ENUM.fullmatch(self.raw))


@dataclass(frozen=True, slots=True)
class Change:
    """A field by its path, and both its sides."""

    path: str
    kind: Kind
    before: Side
    after: Side


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every field of either, in the order written.

    `before` may note values that were not asked to change: whole entries of it that a filled `after` does not name
    are left alone. Where `after` is empty, what was before is removed.
    """
    left_alone = [name for name in before if after and name not in after]
    asked = {name: value for name, value in before.items() if name not in left_alone}
    changes = [_change(*fields) for fields in _walk("", asked, after, 0)] if asked or after else []
    for name in left_alone:
        value = {name: before[name]}
        changes += [_left_alone(path, was) for path, was, _ in _walk("", value, value, 0)]
    return changes


def moved(changes: Sequence[Change]) -> list[Change]:
    """The fields that the change requested."""
    return [change for change in changes if change.kind not in (Kind.UNCHANGED, Kind.LEFT_ALONE)]


def still(changes: Sequence[Change]) -> list[Change]:
    """Those that were to stay as they were."""
    return [change for change in changes if change.kind in (Kind.UNCHANGED, Kind.LEFT_ALONE)]


def _change(path: str, before: Any, after: Any) -> Change:
    return Change(path, _kind(before, after), _side(before), _side(after))


def _left_alone(path: str, value: Any) -> Change:
    return Change(path, Kind.LEFT_ALONE, _side(value), _side(value))


def _kind(before: Any, after: Any) -> Kind:
    if before is ABSENT:
        return Kind.ADDED
    if after is ABSENT:
        return Kind.REMOVED
    # two values that were not kept may well differ; to JSON, true is not 1
    same = before == after != NOT_KEPT and isinstance(before, bool) == isinstance(after, bool)
    return Kind.UNCHANGED if same else Kind.CHANGED


def _walk(path: str, before: Any, after: Any, depth: int) -> Iterator[tuple[str, Any, Any]]:
    """The fields under `path`, each with its two values."""
    pairs = _parts(before, after) if depth < DEEPEST else None
    if pairs is None:
        if depth < DEEPEST and ABSENT not in (before, after) and (_is_filled(before) or _is_filled(after)):
            # an object in place of a value, or the other way round: one goes, the other comes
            yield from _walk(path, before, ABSENT, depth)
            yield from _walk(path, ABSENT, after, depth)
        else:
            yield path, before, after
        return
    for name, was, becomes in pairs:
        joined = name if name.startswith("[") or not path else f".{name}"
        yield from _walk(path + joined, was, becomes, depth + 1)


def _parts(before: Any, after: Any) -> list[tuple[str, Any, Any]] | None:
    """The named parts of two values that have parts; None where they are to be held against each other as they are."""
    present = [value for value in (before, after) if value is not ABSENT]
    if not any(map(_is_filled, present)):
        return None
    if all(isinstance(value, dict) for value in present):
        return _matched(*(value if isinstance(value, dict) else {} for value in (before, after)))
    if all(isinstance(value, list) for value in present):
        lists = [value if isinstance(value, list) else [] for value in (before, after)]
        return _matched(*_keyed(*lists))
    return None


def _is_filled(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _matched(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = dict.fromkeys((*before, *after))
    return [(name, before.get(name, ABSENT), after.get(name, ABSENT)) for name in names]


def _keyed(before: list[Any], after: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The items of two lists by their identifying field."""
    if all(isinstance(item, dict) for item in (*before, *after)):
        known = next((key for key in KNOWN_BY if _tells_apart(key, before) and _tells_apart(key, after)), "")
        if known:
            return _by([item[known] for item in before], before), _by([item[known] for item in after], after)
    elif _are_plain(before) and _are_plain(after) and set(map(_text, before)) != set(map(_text, after)):
        return _by(before, before), _by(after, after)
    return _by(range(len(before)), before), _by(range(len(after)), after)


def _tells_apart(key: str, items: list[Any]) -> bool:
    """Whether each item has this key, and no two the same."""
    values = [item.get(key) for item in items]
    return all(isinstance(value, str | int) and value != "" for value in values) and len(set(values)) == len(values)


def _are_plain(items: list[Any]) -> bool:
    """Whether these are texts, numbers and the like, no two the same."""
    is_flat = not any(isinstance(item, dict | list) for item in items)
    return is_flat and len(set(map(_text, items))) == len(items)


def _by(names: Iterable[Any], items: list[Any]) -> dict[str, Any]:
    return {f"[{_text(name)}]": item for name, item in zip(names, items, strict=True)}


def _side(value: Any) -> Side:
    if value is ABSENT:
        return Side("", is_absent=True)
    if value == NOT_KEPT:
        return Side("not kept", is_empty=True)
    if value is None or value in ("", [], {}):
        return Side("null" if value is None else "empty", is_empty=True)
    return Side(_text(value), _words(value) if isinstance(value, str) else "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _words(text: str) -> str:
    """A time, a duration or a value of an enum, as Ona writes it, in words; empty for anything else."""
    if _ENUM.fullmatch(text):
        word = enum_label(text) if phase_word(text) in (UNKNOWN, text) else phase_word(text)
        return "" if word == text else word
    try:
        if _TIME.fullmatch(text):
            moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
            return f"{moment:%Y-%m-%d %H:%M} UTC, {due_words(moment, timezone.now())}"
        if _DURATION.fullmatch(text):
            return duration_words(timedelta(seconds=float(text.removesuffix("s"))))
    except (ValueError, OverflowError):
        pass
    return ""
