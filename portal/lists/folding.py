"""The key of a search: text in one Unicode form (NFC) and without case, by Unicode's full case folding.

Columns that are searched, their indexes and what is typed go through the same function, so that `café` is found
however its accent is written, and `STRASSE` finds `straße`.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db.models import CharField, Func, Q, TextField, Value
from django.db.models.lookups import Contains

# the outer collation is that of the columns: their indexes serve no other
FOLDED = '(normalize(casefold(normalize(%s, NFC) COLLATE "pg_unicode_fast"), NFC) COLLATE "default")'


class Folded(Func):
    """The key of a text in the database; immutable, so that generated columns and indexes can hold it."""

    template = FOLDED % "%(expressions)s"
    arity = 1
    output_field = TextField()


def folded(text: str) -> str:
    """The same of a text in Python."""
    return nfc(nfc(text).casefold())


def nfc(text: str) -> str:
    """A text in one form, whichever it is written in."""
    return unicodedata.normalize("NFC", text)


def facet_form(text: str) -> str:
    """A text as its facet shows it, by which columns with it are found: in NFC, but for characters that both forms
    replace (U+F900)."""
    return nfc(text) if text in (nfc(text), unicodedata.normalize("NFD", text)) else text


def nfc_and_nfd(text: str) -> tuple[str, ...]:
    """A text in the forms in which columns may hold it."""
    return tuple(dict.fromkeys((text, nfc(text), unicodedata.normalize("NFD", text))))


def contains(text: str) -> Q:
    """Rows whose column `search` contains the text, in any case; its trigram index finds them."""
    return Q(search__contains=Folded(Value(text)))


@CharField.register_lookup
@TextField.register_lookup
class Says(Contains):
    """`name__says`: the text contains another, by their keys."""

    lookup_name = "says"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, left_values = self.process_lhs(compiler, connection)
        right, right_values = self.process_rhs(compiler, connection)
        return f"{FOLDED % left} LIKE {FOLDED % right}", (*left_values, *right_values)
