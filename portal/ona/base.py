"""Shared parts of all calls: reading one object, pages of objects, requests without absent fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar
from uuid import UUID

from .documents.pages import Listing, Page, read_answer, read_field
from .paging import read_pages
from .transport import Transport

T = TypeVar("T")
Id = UUID | str
PAGE_SIZE = 100


class Calls:
    """Calls over one transport."""

    _transport: Transport

    def _change(self, rpc: str, message: Mapping[str, Any]) -> None:
        """A change without an answer to read."""
        self._transport.call(rpc, message, lambda body, _: read_answer(body), repeatable=False)

    def _create(self, rpc: str, message: Mapping[str, Any], name: str, read: Callable[[bytes], T]) -> T:
        """A change that returns what it created."""
        return self._transport.call(rpc, message, lambda body, _: read_field(body, name, read), repeatable=False)

    def _get(self, rpc: str, message: Mapping[str, Any], name: str, read: Callable[[bytes], T]) -> T:
        return self._transport.call(rpc, message, lambda body, _: read_field(body, name, read), repeatable=True)

    def _page(
        self, rpc: str, message: Mapping[str, Any], listing: Listing[Any, T], token: str, page_size: int = PAGE_SIZE
    ) -> Page[T]:
        pagination: dict[str, Any] = {"pageSize": page_size, **({"token": token} if token else {})}
        return self._transport.call(rpc, {**message, "pagination": pagination}, listing.read, repeatable=True)

    def _list(
        self, rpc: str, message: Mapping[str, Any], listing: Listing[Any, T], page_size: int = PAGE_SIZE
    ) -> Iterator[Page[T]]:
        return read_pages(rpc, lambda token: self._page(rpc, message, listing, token, page_size))


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


def only(**values: Iterable[Any]) -> dict[str, Any]:
    """A request's `filter` with the given fields."""
    return {"filter": {name: given for name, value in values.items() if (given := list(value))}}
