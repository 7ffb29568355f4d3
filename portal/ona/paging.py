"""All pages of a listing: the one place that follows page tokens, so that none is followed in a circle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .documents.pages import Page
from .errors import EndlessListing

T = TypeVar("T")
MAX_EMPTY_PAGES = 100  # in a row: a filter may empty some, but a listing has to bring something


def read_pages(rpc: str, page_at: Callable[[str], Page[T]]) -> Iterator[Page[T]]:
    """The pages that `page_at` returns for the tokens; EndlessListing if they would never end.

    That is so if a token or a whole page comes again, or if page after page is empty. A page that comes again is not
    yielded.
    """
    token, empty = "", 0
    tokens, contents = {""}, set[int]()
    while True:
        page = page_at(token)
        empty = 0 if (ids := _ids(page)) else empty + 1
        if ids and (content := hash(ids)) in contents:
            raise EndlessListing("a page came again under another token", rpc=rpc)
        if ids:
            contents.add(content)
        yield page
        token = page.next_token
        if not token:
            return
        if token in tokens:
            raise EndlessListing("the same page token came twice", rpc=rpc)
        if empty > MAX_EMPTY_PAGES:
            raise EndlessListing(f"{MAX_EMPTY_PAGES} pages in a row were empty", rpc=rpc)
        tokens.add(token)


def _ids(page: Page[Any]) -> tuple[Any, ...]:
    """What tells a page from others: the ids on it."""
    read = tuple(getattr(item, "id", None) or getattr(item, "user_id", None) for item in page.items)
    return read + tuple(each.id or each.error for each in page.malformed)
