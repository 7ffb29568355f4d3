"""What can be found by name: each app registers its sources at start-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser, User
from django.urls import resolve

Person = User | AnonymousUser

MOST = 6  # results of one source
SHORTEST = 3  # characters; the trigram indexes find no less, and a shorter text matches nearly every row


@dataclass(frozen=True, slots=True)
class Hit:
    """One result: what it is called, where it is, and a word on it."""

    label: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Things of one kind. `find` reads at most `MOST` hits for a text that a user may see, the best first; kinds of
    lower `rank` are shown first."""

    title: str
    icon: str
    permissions: tuple[str, ...]
    find: Callable[[str, Person], Iterable[Hit]]
    shortest: int = SHORTEST
    rank: int = 50


@dataclass(frozen=True, slots=True)
class Destination:
    """A page or an action that is found by its title, by those who may open it and have these permissions as well."""

    label: str
    url: str
    permissions: tuple[str, ...] = ()

    def is_open_to(self, user: Person) -> bool:
        view = resolve(urlsplit(self.url).path).func
        return user.has_perms((*getattr(view, "permissions", ()), *self.permissions))


@dataclass(frozen=True, slots=True)
class Results:
    """The hits of one source."""

    title: str
    icon: str
    hits: list[Hit]


SOURCES: list[Source] = []
DESTINATIONS: list[Callable[[], Iterable[Destination]]] = []


def register(*sources: Source, destinations: Callable[[], Iterable[Destination]] | None = None) -> None:
    """Make these sources known; `destinations` is read when somebody searches, once addresses exist."""
    SOURCES.extend(sources)
    if destinations:
        DESTINATIONS.append(destinations)


def find(text: str, user: Person) -> list[Results]:
    """What is called so, of all kinds that the user may see; pages and actions first. Never raises."""
    text = " ".join(text.replace("\0", " ").split())[:200]
    found = [Results("Pages and actions", "chevron-right", _pages(text, user))]
    for source in sorted(SOURCES, key=attrgetter("rank")):
        if len(text) >= source.shortest and user.has_perms(source.permissions):
            found.append(Results(source.title, source.icon, list(source.find(text, user))[:MOST]))
    return [results for results in found if results.hits]


def _pages(text: str, user: Person) -> list[Hit]:
    words = text.casefold().split()
    known: Mapping[str, Destination] = {each.url: each for read in DESTINATIONS for each in read()}
    matching = (
        each
        for each in known.values()
        if all(word in each.label.casefold() for word in words) and each.is_open_to(user)
    )
    return [Hit(each.label, each.url) for each in matching][: MOST if words else None]
