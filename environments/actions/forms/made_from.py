"""What a form was made from: it carries that, signed, so that nobody's change is overwritten unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core import signing
from django.db.models import Model

from portal.ledger.recording import plain

SALT = "environments.actions.forms.made_from"
UNREADABLE = (
    "It is no longer known which version this form was made from. Compare it with the current one, then send it again."
)
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """What an action's form is made from: the `values` of its subject, named as in the operation's `before`; `words`
    writes them by label, for a conflict."""

    values: Callable[[Any], Values]
    words: Callable[[Values], Mapping[str, str]]

    def sign(self, subject: Model) -> str:
        """The values now, as a form carries them."""
        return sign(self.values(subject), subject)


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of a conflict: what it was when the form was opened, what Ona has now, what was typed."""

    label: str
    before: str
    theirs: str
    mine: str

    @property
    def is_theirs(self) -> bool:
        """Whether somebody else changed it."""
        return self.before != self.theirs

    @property
    def is_mine(self) -> bool:
        """Whether this form changes it."""
        return self.before != self.mine


def sign(values: Values, subject: Model) -> str:
    return signing.dumps(plain(values), salt=f"{SALT}.{subject.pk}", compress=True)


def read(text: str, subject: Model) -> Values:
    """What `sign` wrote for this subject; BadSignature for anything else."""
    values: Values = signing.loads(text, salt=f"{SALT}.{subject.pk}")
    return values


def compared(sides: Iterable[Mapping[str, str]]) -> list[Difference]:
    """The lines of a conflict, from before, theirs and mine in words."""
    before, theirs, mine = sides
    labels = dict.fromkeys([*before, *theirs, *mine])
    return [Difference(label, before.get(label, ""), theirs.get(label, ""), mine.get(label, "")) for label in labels]
