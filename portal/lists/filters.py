"""Filters: one declaration per parameter of a list's URL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from portal.lists.folding import nfc_and_nfd
from portal.lists.readers import NONE, plain_text
from portal.lists.search import OneOf

MOST_VALUES = 100
Values = tuple[str, ...]
NOTHING = Q(pk__in=())


@dataclass(frozen=True, slots=True)
class Grouped:
    """A facet counted by the values of a column: `value` makes of one what addresses hold. With `find` values can be
    looked up: the rows whose value a text names."""

    column: str
    value: Callable[[str], str] = lambda text: text or NONE
    find: Callable[[str], Q] | None = None


@dataclass(frozen=True, slots=True)
class Conditional:
    """A facet of which each value is a condition of its own: `conditions` are the usual ones and those selected.

    `adds_up`: those selected must all hold, so that they count for its own numbers too. `times` are filters by a time
    that have their fields beneath it.
    """

    conditions: Callable[[Values], Mapping[str, Q]]
    adds_up: bool = False
    times: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """One parameter. `asks` tells what its values ask of the table, `read` makes of a text what addresses hold (or
    raises ValueError saying why not), `words` tells values to people. A value without words has no chip: such a
    parameter chooses how rows are shown, not which.

    `together`: one chip tells all values in these words. `is_exact`: blanks around a value are a part of it.
    """

    name: str
    label: str
    asks: Callable[[Values], Q]
    read: Callable[[str], str] = plain_text
    words: Callable[[Iterable[str]], Mapping[str, str]] = lambda values: {value: value for value in values}
    single: bool = False
    most: int = MOST_VALUES
    together: Callable[[Values], str] | None = None
    facet: Grouped | Conditional | None = None
    is_exact: bool = False

    @property
    def adds_up(self) -> bool:
        """Whether all values must hold."""
        return isinstance(self.facet, Conditional) and self.facet.adds_up

    def values(self, texts: Sequence[str]) -> Values:
        """What makes sense of the texts given, without repeats; of a single value the last counts, as in any query
        string. Raises ValueError."""
        tidied = [text if self.is_exact else text.strip() for text in (texts[-1:] if self.single else texts)]
        given = dict.fromkeys(text for text in tidied if text)
        if len(given) > self.most:
            raise ValueError(f"takes at most {self.most} values")
        return tuple(dict.fromkeys(map(self.read, given)))


@dataclass(frozen=True, slots=True)
class EnumWords:
    """Values of one of Ona's enums in addresses: by their `words`, those that are newer by the name that Ona gave
    them. Names that do not begin as usual (`prefix`, in small letters) stand behind a "=", as they are; so filters that
    read them are exact.
    """

    words: Mapping[str, str]
    prefix: str

    def read(self, text: str) -> str:
        """What addresses hold; ValueError if it is neither a word nor such a name."""
        plain_text(text)
        if text.startswith("="):
            return text
        word = text.strip().lower()
        if not word.startswith(self.prefix):
            OneOf(self.words)(word)
        return word

    def raw(self, value: str) -> str:
        """Ona's name for what an address holds."""
        return value[1:] if value.startswith("=") else self.words.get(value, value.upper())

    def value(self, raw: str) -> str:
        """What addresses hold for Ona's name."""
        word = next((word for word, known in self.words.items() if known == raw), "")
        is_usual = raw.startswith(self.prefix.upper()) and raw.strip().lower().upper() == raw
        return word or (raw.lower() if is_usual else f"={raw}")

    def labels(self, values: Iterable[str]) -> dict[str, str]:
        """Words for people."""
        return {value: value if value in self.words else self.raw(value) for value in values}


def any_of(conditions: Mapping[str, Q] | Callable[[str], Q]) -> Callable[[Values], Q]:
    """At least one of the values' conditions holds."""
    condition = conditions if callable(conditions) else conditions.__getitem__
    return lambda values: Q(*map(condition, values), _connector=Q.OR)


def all_of(conditions: Mapping[str, Q]) -> Callable[[Values], Q]:
    """Every one of the values' conditions holds."""
    return lambda values: Q(*map(conditions.__getitem__, values))


def in_column(column: str) -> Callable[[Values], Q]:
    """The column equals one of these texts, in whichever form it holds them."""
    return lambda values: Q(**{f"{column}__in": [form for value in values for form in nfc_and_nfd(value)]})


def in_ids(column: str) -> Callable[[Values], Q]:
    """The column is one of these ids, or NULL for "none"."""

    def asks(values: Values) -> Q:
        ids = [UUID(value) for value in values if value != NONE]
        return Q(**{f"{column}__in": ids}) | (Q(**{column: None}) if NONE in values else NOTHING)

    return asks


def words_of(
    words: Mapping[str, str], default: Callable[[str], str] = str
) -> Callable[[Iterable[str]], dict[str, str]]:
    """Labels from this mapping; `default` labels the others."""
    return lambda values: {value: words.get(value) or default(value) for value in values}
