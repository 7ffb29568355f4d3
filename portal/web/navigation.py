"""The left navigation, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from uuid import UUID

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

ANY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Place:
    """One entry: shown if its URL exists and the user has the permission."""

    url_name: str
    label: str
    icon: str
    permission: str


PLACES = (
    Place("overview", "Overview", "overview", "environments.view_environment"),
    Place("environments:list", "Environments", "environments", "environments.view_environment"),
    Place("automations:list", "Automations", "automations", "automations.view_task"),
    Place("secrets:list", "Secrets", "lock", "environments.view_secret"),
    Place("audit:list", "Audit", "audit", "environments.view_transition"),
    Place("operations:list", "Operations", "operations", "ledger.view_operation"),
    Place("people:list", "People", "user", "accounts.see_people"),
    Place("outbox:list", "Outbox", "upload", "outbox.see_outbox"),
    Place("access-log", "Access log", "key", "ledger.read_access_log"),
    Place("sync", "Sync", "sync", "environments.view_syncrun"),
)


@dataclass(frozen=True, slots=True)
class Badge:
    """A number beside an entry, which leads to what it counts; `words` say what that is. A page that shows one asks for
    news `about` it (portal.live)."""

    count: int
    words: str
    url: str
    tone: str
    about: str


# what an app shows beside an entry, by the entry's URL name: each app's `registration` adds its own
BADGES: dict[str, Callable[[HttpRequest], Badge | None]] = {}


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one request sees it; `name` is that of its URL."""

    name: str
    url: str
    label: str
    icon: str
    current: str  # the value of aria-current: "page", "true" for a page within the place, or empty
    badge: Badge | None = None


def links(request: HttpRequest) -> list[Link]:
    """The entries that this request's user may open."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return []
    found = []
    for place in PLACES:
        url = url_of(place.url_name)
        if url and user.has_perm(place.permission):
            badge = BADGES[place.url_name](request) if place.url_name in BADGES else None
            found.append(Link(place.url_name, url, place.label, place.icon, _current(request.path, url), badge))
    return found


def url_of(name: str) -> str:
    """The path of a named URL without arguments; empty if there is none."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def address_of(name: str, identity: UUID) -> str:
    """The path of a named URL with an id as its only argument; quicker than reversing it for each row."""
    return _address(name).replace(str(ANY), str(identity))


@cache
def _address(name: str) -> str:
    return reverse(name, args=[ANY])


def _current(path: str, url: str) -> str:
    return "page" if path == url else "true" if is_within(path, url) else ""


def is_within(path: str, url: str) -> bool:
    """Whether a page lies beneath another one; those of the overview, which is at the root, have its name."""
    return path != url and path.startswith("/overview/" if url == "/" else url)
