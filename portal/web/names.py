"""Members, projects, runners and classes by name, wherever they are named: each leads to its page and is marked if it
is not in order."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType
from urllib.parse import urlencode
from uuid import UUID

from django.utils.safestring import SafeString

from portal.web.navigation import address_of, url_of

Standings = Mapping[UUID, str]  # of entries of the directory that are not in order: portal.directory.standing
IN_ORDER: Standings = MappingProxyType({})


def named(kind: str, identity: UUID | None, name: str, absent: str, standings: Standings = IN_ORDER) -> SafeString:
    """An owner, project, runner or class by name, else by the beginning of its id."""
    if identity is None:
        return SafeString(f"<bdi>{escape(name or absent)}</bdi>")
    words = f"<bdi>{escape(name or beginning(identity))}</bdi>"
    shown = SafeString(f'<a href="{address_of(f"directory:{kind}", identity)}">{words}</a>')
    return shown + marked(kind, identity, standings)


def marked(kind: str, identity: UUID | None, standings: Standings, of: str = "") -> SafeString:
    """That a person left, a project was deleted …, leading to all environments alike; `of` says what, where its name
    does not stand before it."""
    word = standings.get(identity) if identity else None
    if word is None:
        return SafeString("")
    address = f"{url_of('environments:list')}?{urlencode({'q': f'{kind}:{word}'})}"
    return SafeString(f' <a class="list-standing" href="{escape(address)}">{escape(f"{of}{word}")}</a>')


def beginning(identity: UUID) -> str:
    """An id that has no name here."""
    return f"{str(identity)[:8]}…"
