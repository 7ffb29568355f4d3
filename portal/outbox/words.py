"""Messages in words: for lists, and for e-mail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from portal.ledger.labels import action_words
from portal.outbox.models import Message

Content = Mapping[str, Any]


def _of_operation(content: Content) -> str:
    target = f": {content['target_name']}" if content["target_name"] else ""
    return f"{action_words(content['action'])}{target} ({content['outcome']}, by {content['actor_name']})"


# by the first word of the kind; the rooms above add their own
SUBJECTS: dict[str, Callable[[Content], str]] = {
    "operation": _of_operation,
    "test": lambda content: f"a test, requested by {content['requested_by']}",
}


def subject_of(message: Message) -> str:
    """What it is about, in one line."""
    return " ".join(SUBJECTS[message.kind.partition(".")[0]](message.content).split())


def facts_of(message: Message) -> Iterator[tuple[str, str]]:
    """What it tells, by name, without what is empty."""
    for name, value in message.content.items():
        if name == "action":
            continue  # the subject says it in words
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {each}" for key, each in value.items())
        if value not in (None, ""):
            yield name.replace("_", " ").capitalize(), str(value)
