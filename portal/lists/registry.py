"""All lists of the portal, and the pages that can be saved as views (`portal.accounts`). Each app registers its own at
start-up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from portal.lists.declaration import List
from portal.lists.query import canonical
from portal.live.topics import TOPICS, Topic


@dataclass(frozen=True, slots=True)
class Savable:
    """`permissions` open the page; `canonical` writes a query as the page does, without its cursor."""

    label: str
    permissions: tuple[str, ...]
    canonical: Callable[[QueryDict], str]


LISTS: dict[str, List] = {}  # by the name of the page's URL
API_ONLY: dict[str, List] = {}  # lists without a page: the REST API alone has them
SAVABLE: dict[str, Savable] = {}  # likewise; these take no arguments


def register(*lists: List) -> None:
    """Register lists, and those that can be saved as views."""
    for listing in lists:
        LISTS[listing.page_url] = listing
        if listing.change_token and not listing.poll_seconds:
            TOPICS[listing.page_url] = Topic(listing.permissions, _token(listing.change_token))
        if listing.saved:
            SAVABLE[listing.page_url] = Savable(listing.title, listing.permissions, _canonical(listing))


def register_for_api(*lists: List) -> None:
    """Register lists that have no page."""
    API_ONLY.update({listing.page_url: listing for listing in lists})


def named(defaults: Mapping[str, str], read: Callable[[QueryDict], Mapping[str, str]]) -> Callable[[QueryDict], str]:
    """For pages that are no lists: the parameters that `read` understood, without those that are as by default."""

    def canonical(data: QueryDict) -> str:
        return urlencode([(name, value) for name, value in read(data).items() if value != defaults.get(name, "")])

    return canonical


def _token(change_token: Callable[..., str]) -> Callable[[str], str]:
    return lambda argument: change_token()


def _canonical(listing: List) -> Callable[[QueryDict], str]:
    return lambda data: canonical(listing, data)
