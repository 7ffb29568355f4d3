"""The lists whose address a person may keep under a name (`portal.accounts`); each app adds its own in `apps.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from portal.lists.query import Place


@dataclass(frozen=True, slots=True)
class Savable:
    """`permissions` open the list; `canonical` writes a query as the list does: what made sense, without its page."""

    label: str
    permissions: tuple[str, ...]
    canonical: Callable[[QueryDict], str]


# by the name of the list's URL, which takes no arguments
SAVABLE: dict[str, Savable] = {}


def of_place(place: Place) -> str:
    """The query of the first page of what `place` names."""
    return place.at(None).removeprefix("?")


def named(defaults: Mapping[str, str], read: Callable[[QueryDict], Mapping[str, str]]) -> Callable[[QueryDict], str]:
    """For pages without a place: the parameters that `read` understood, without those that are as by default."""

    def canonical(data: QueryDict) -> str:
        return urlencode([(name, value) for name, value in read(data).items() if value != defaults.get(name, "")])

    return canonical
