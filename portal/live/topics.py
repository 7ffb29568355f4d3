"""What pages can ask news of. Each app registers its own at start-up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def unmarked(argument: str) -> None:
    """Nobody needs to know that it is looked at."""


@dataclass(frozen=True, slots=True)
class Topic:
    """Something that pages show. `token` is another text after any change of it; it may raise ValueError or Http404 for
    an argument that stands for nothing. `mark` is called every two minutes for each open page."""

    permissions: tuple[str, ...]
    token: Callable[[str], str]
    mark: Callable[[str], None] = unmarked


TOPICS: dict[str, Topic] = {}  # by name; pages ask about "name" or "name/argument"


def find(about: str) -> tuple[Topic, str] | None:
    """The topic and its argument; None if there is none of that name."""
    name, _, argument = about.partition("/")
    topic = TOPICS.get(name)
    return (topic, argument) if topic else None
