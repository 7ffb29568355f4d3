"""Completion in a search box: keys after their first letters, then values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.db.models import Model

from portal.lists.search import KEY, LONGEST, OPEN, PART, TOKEN, Key, quote, unquote

MOST = 8  # offers at once


@dataclass(frozen=True, slots=True)
class Offer:
    """A word in place of the one that is being typed, which begins at `start`, and what it takes."""

    start: int
    text: str
    note: str = ""


def offers(text: str, keys: Mapping[str, Key]) -> list[Offer]:
    """What the last word of `text` may become; `text` ends where the reader types."""
    *_, last = (None, *TOKEN.finditer(text[:LONGEST].replace("\0", " ")))
    if last is None or last.end() != len(text):
        return []
    match = KEY.match(last[0])
    found = _keys(last[0], keys) if match is None else _values(last[0], match[2].lower(), match.end(), keys)
    return [Offer(last.start(), word, note) for word, note in islice(found, MOST)]


def among(*words: str) -> Callable[[str], Iterable[str]]:
    """Of these words, those that begin with a text, and then those that contain it."""

    def values(text: str) -> Iterable[str]:
        typed = text.lower()
        found = (word for word in words if typed in word.lower())
        return sorted(found, key=lambda word: not word.lower().startswith(typed))

    return values


def names_among(model: type[Model], *words: str) -> Callable[[str], Iterable[str]]:
    """Of these words and the names of a small table, those that contain a text; one query."""

    def values(text: str) -> Iterable[str]:
        rows = model._default_manager.exclude(name="").order_by("name").values_list("name", flat=True).distinct()
        yield from among(*words)(text) if text else ()
        yield from (rows.filter(name__says=text) if text else rows)[:MOST]

    return values


def _keys(token: str, keys: Mapping[str, Key]) -> Iterator[tuple[str, str]]:
    sign, word = ("-", token[1:]) if token.startswith("-") else ("", token)
    return (
        (f"{sign}{each.name}:", each.takes) for each in keys.values() if word and each.name.startswith(word.lower())
    )


def _values(token: str, name: str, after: int, keys: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The last of the values, which commas separate; an open quotation mark is closed."""
    if name not in keys:
        return
    parts = list(PART.finditer(token, after))
    is_new = not parts or parts[-1].end() != len(token)
    begins = len(token) if is_new else parts[-1].start()
    typed = token[begins:]
    given = {unquote(part[0]).lower() for part in parts[: None if is_new else -1]}
    for word in keys[name].values(unquote(typed if OPEN.match(typed) else f'{typed}"')):
        if word.lower() not in given:
            yield f"{token[:begins]}{quote(word)}", ""
