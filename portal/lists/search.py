"""The search language: `phase:running,stopped -owner:ann "free words"`. What the words mean is the caller's table.

A query is terms apart by blanks, all of which must hold. A term is a plain word, or `key:value`, or `key:one,other`
for either; `-` before it says "not"; double quotes keep blanks, commas and colons together, `\\"` and `\\\\` within
them stand for themselves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

LONGEST = 1000  # characters; nobody types more, and the database is spared
_QUOTED = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_TOKEN = re.compile(rf'(?:{_QUOTED}|[^\s"])+')
_KEY = re.compile(r"(-?)([A-Za-z][A-Za-z_-]*):(?!//)")
_PART = re.compile(rf'(?:{_QUOTED}|[^",])+')
_OPEN = re.compile(r'(?:[^"]|"(?:[^"\\]|\\.)*")*\Z')
_BARE = re.compile(r'[^\s",\\-][^\s",\\]*\Z')


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language. `read` parses the text after the colon, or raises ValueError that says why not."""

    name: str
    takes: str
    example: str
    read: Callable[[str], Any] = str


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: any of `values` (as typed, quotes taken off) of `key`; an empty key means plain words. `read` is
    what its key made of each value."""

    key: str
    values: tuple[str, ...]
    negated: bool = False
    read: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    @property
    def asks(self) -> Q:
        """What it asks of the table, where its key reads values as conditions."""
        condition: Q = reduce(or_, self.read)
        return ~condition if self.negated else condition

    def __str__(self) -> str:
        words = ",".join(_quote(value) for value in self.values)
        return ("-" if self.negated else "") + (f"{self.key}:{words}" if self.key else words)


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of a query that was not understood, and why."""

    typed: str
    message: str

    def __str__(self) -> str:
        return f"{self.typed}: {self.message}."


@dataclass(frozen=True, slots=True)
class Query:
    """The terms that were understood, in the order typed, and the problems."""

    terms: tuple[Term, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def asks(self) -> Q:
        """What all terms ask of the table."""
        return Q(*(term.asks for term in self.terms))


@dataclass(frozen=True, slots=True)
class Search:
    """The search box of a list: its keys, what plain words ask, where they are looked for, and an example."""

    keys: Mapping[str, Key]
    words: Callable[[str], Q]
    places: str = ""
    placeholder: str = ""

    def parse(self, text: str) -> Query:
        return parse(text, self.keys, self.words)


def keys(*each: Key) -> dict[str, Key]:
    """Keys by name."""
    return {key.name: key for key in each}


def parse(text: str, keys: Mapping[str, Key], words: Callable[[str], Any] = str) -> Query:
    """Parse `text`; never raises. `render(parse(text, keys).terms)` means the same."""
    terms: dict[Term, None] = {}
    problems: list[Problem] = []
    if len(text) > LONGEST:
        problems.append(Problem(text[:40] + "…", f"only the first {LONGEST} characters are read"))
    for token in _TOKEN.findall(text[:LONGEST].replace("\0", " ")):
        found = _term(token, keys, words)
        if isinstance(found, Problem):
            problems.append(found)
        elif found:
            terms[found] = None
    return Query(tuple(terms), tuple(problems))


def render(terms: Iterable[Term]) -> str:
    """The query text of these terms."""
    return " ".join(map(str, terms))


def without(terms: Iterable[Term], term: Term) -> str:
    """The query text without one of its terms."""
    return render(other for other in terms if other != term)


def suggestion(word: str, known: Iterable[str]) -> str:
    """ ". Did you mean running?" if a known word is close, else nothing."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f". Did you mean {near[0]}?" if near else ""


def one_of(words: Mapping[str, Any], *, kind: str = "") -> Callable[[str], Any]:
    """A reader that accepts these words in any case and returns what they stand for."""

    def read(text: str) -> Any:
        try:
            return words[text.lower()]
        except KeyError:
            raise ValueError(f"takes {kind or listed(words)}{suggestion(text, words)}") from None

    return read


def listed(words: Iterable[str]) -> str:
    """ "a, b or c"."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _term(token: str, keys: Mapping[str, Key], words: Callable[[str], Any]) -> Term | Problem | None:
    if not _OPEN.match(token):
        return Problem(token, "the quotation mark is never closed")
    match = _KEY.match(token)
    if not match:
        negated = token.startswith("-") and len(token) > 1
        word = _unquote(token[negated:])
        return Term("", (word,), negated, (words(word),)) if word.strip() else None
    return _keyed(token, match[2].lower(), token[match.end() :], bool(match[1]), keys)


def _keyed(token: str, name: str, rest: str, negated: bool, keys: Mapping[str, Key]) -> Term | Problem:
    if name not in keys:
        near = suggestion(name, keys).replace("?", ":?")
        return Problem(token, f"unknown word {name}:{near or '. To search for it as it stands, put it in quotes'}")
    values = tuple(value for part in _PART.findall(rest) if (value := _unquote(part)).strip())
    if not values:
        return Problem(token, f"{name}: takes {keys[name].takes}")
    try:
        return Term(name, values, negated, tuple(map(keys[name].read, values)))
    except (ValueError, OverflowError) as error:
        return Problem(token, f"{name}: {error}")


def _unquote(text: str) -> str:
    """Remove quotes wherever they stand: `a" b"c` is `a bc`."""
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', text, flags=re.DOTALL)
    return "".join(re.sub(r"\\(.)", r"\1", p[1:-1], flags=re.DOTALL) if p[:1] == '"' else p for p in pieces)


def _quote(value: str) -> str:
    if _BARE.match(value) and not _KEY.match(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
