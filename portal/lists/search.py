"""The search language: `phase:running,stopped -owner:ann "free words"`. What the words mean is the caller's table.

A query is terms apart by blanks, all of which must hold. A term is a plain word, or `key:value`, or `key:one,other`
for either; `-` before it says "not"; double quotes keep blanks, commas and colons together, `\\"` and `\\\\` within
them stand for themselves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q

LONGEST = 1000  # characters; nobody types more, and the database is spared
_QUOTED = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
TOKEN = re.compile(rf'(?:{_QUOTED}|[^\s"])+')
KEY = re.compile(r"(-?)([A-Za-z][A-Za-z_-]*):(?!//)")
PART = re.compile(rf'(?:{_QUOTED}|[^",])+')
OPEN = re.compile(r'(?:[^"]|"(?:[^"\\]|\\.)*")*\Z')
_BARE = re.compile(r'[^\s",\\-][^\s",\\]*\Z')


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the language. `read` parses the text after the colon, or raises ValueError that says why not.
    `values` offers some that contain what is typed, for completion: a few, and from little. `facet` is the filter that
    means the same as a value, by name and value, if there is one."""

    name: str
    takes: str
    example: str
    read: Callable[[str], Any] = str
    values: Callable[[str], Iterable[str]] = lambda text: ()
    facet: Callable[[str], tuple[str, str] | None] = lambda text: None


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
        words = ",".join(quote(value) for value in self.values)
        return ("-" if self.negated else "") + (f"{self.key}:{words}" if self.key else words)


Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """A part of an address that was not understood, and why.

    `parameter` holds it where it is unclear which rows are meant: then none are shown. `meant` takes the place of that
    parameter if the nearest word was meant, `rest` if nothing was; empty: no word is near, or nothing is left.
    """

    typed: str
    message: str
    parameter: str = ""
    meant: Pairs = ()
    rest: Pairs = ()

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


def same(name: str) -> Callable[[str], tuple[str, str]]:
    """For `Key.facet`: the filter of this name takes the same words."""
    return lambda text: (name, text.lower())


def parse(text: str, keys: Mapping[str, Key], words: Callable[[str], Any] = str) -> Query:
    """Parse `text`; never raises. `render(parse(text, keys).terms)` means the same."""
    terms: dict[Term, None] = {}
    problems: list[Problem] = []
    if len(text) > LONGEST:
        why = f"only the first {LONGEST} characters are read"
        problems.append(Problem(text[:40] + "…", why, "q", rest=(("q", text[:LONGEST]),)))
    tokens = TOKEN.findall(text[:LONGEST].replace("\0", " "))
    for place, token in enumerate(tokens):
        found = _term(token, keys, words)
        if isinstance(found, Problem):
            problems.append(_within(found, tokens[:place], tokens[place + 1 :]))
        elif found:
            terms[found] = None
    return Query(tuple(terms), tuple(problems))


def _within(problem: Problem, before: list[str], after: list[str]) -> Problem:
    """A problem of one token as one of the whole text."""
    meant = tuple((name, " ".join([*before, token, *after])) for name, token in problem.meant)
    rest = " ".join([*before, *after])
    return replace(problem, parameter="q", meant=meant, rest=(("q", rest),) if rest else ())


def render(terms: Iterable[Term]) -> str:
    """The query text of these terms."""
    return " ".join(map(str, terms))


def without(terms: Iterable[Term], term: Term) -> str:
    """The query text without one of its terms."""
    return render(other for other in terms if other != term)


class Mistyped(ValueError):
    """A word that is none of those that can be said; `near` is the nearest of them, or empty."""

    def __init__(self, message: str, typed: str, near: str) -> None:
        super().__init__(message)
        self.typed, self.near = typed, near


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is close to this one, or nothing."""
    return next(iter(difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)), "")


def suggestion(word: str, known: Iterable[str]) -> str:
    """ ". Did you mean running?" if a known word is close, else nothing."""
    near = nearest(word, known)
    return f". Did you mean {near}?" if near else ""


@dataclass(frozen=True, slots=True)
class OneOf:
    """A reader that accepts these words in any case and returns what they stand for."""

    words: Mapping[str, Any]

    def __call__(self, text: str) -> Any:
        try:
            return self.words[text.lower()]
        except KeyError:
            message = f"takes {listed(self.words)}{suggestion(text, self.words)}"
            raise Mistyped(message, text, nearest(text, self.words)) from None


def listed(words: Iterable[str]) -> str:
    """ "a, b or c"."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def _term(token: str, keys: Mapping[str, Key], words: Callable[[str], Any]) -> Term | Problem | None:
    if not OPEN.match(token):
        return Problem(token, "the quotation mark is never closed")
    match = KEY.match(token)
    if not match:
        negated = token.startswith("-") and len(token) > 1
        word = unquote(token[negated:])
        return Term("", (word,), negated, (words(word),)) if word.strip() else None
    return _keyed(token, match[2].lower(), token[match.end() :], match[1], keys)


def _keyed(token: str, name: str, rest: str, sign: str, keys: Mapping[str, Key]) -> Term | Problem:
    if name not in keys:
        near = nearest(name, keys)
        hint = f". Did you mean {near}:?" if near else ". To search for it as it stands, put it in quotes"
        return Problem(token, f"unknown word {name}:{hint}", meant=((("q", f"{sign}{near}:{rest}"),) if near else ()))
    values = tuple(value for part in PART.findall(rest) if (value := unquote(part)).strip())
    if not values:
        return Problem(token, f"{name}: takes {keys[name].takes}")
    try:
        return Term(name, values, bool(sign), tuple(map(keys[name].read, values)))
    except (ValueError, OverflowError) as error:
        meant = corrected(values, error)
        return Problem(token, f"{name}: {error}", meant=(("q", str(Term(name, meant, bool(sign)))),) if meant else ())


def corrected(values: Iterable[str], error: Exception) -> tuple[str, ...]:
    """The values with the nearest word in place of the mistyped one; none if no word is near."""
    if not isinstance(error, Mistyped) or not error.near:
        return ()
    wrong = error.typed.strip().lower()
    return tuple(error.near if value.strip().lower() == wrong else value for value in values)


def unquote(text: str) -> str:
    """Remove quotes wherever they stand: `a" b"c` is `a bc`."""
    pieces = re.split(r'("(?:[^"\\]|\\.)*")', text, flags=re.DOTALL)
    return "".join(re.sub(r"\\(.)", r"\1", p[1:-1], flags=re.DOTALL) if p[:1] == '"' else p for p in pieces)


def quote(value: str) -> str:
    if _BARE.match(value) and not KEY.match(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
