"""Secrets and tokens, and permissions that Ona grants on request."""

from typing import NoReturn

import msgspec

from .values import Head, Reader


class Secret:
    """A token or a secret's value, hidden from every repr and pickle; `reveal()` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret('…')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written down")

    def reveal(self) -> str:
        """The text."""
        return self._text


class _Granted(Head, frozen=True):
    access_token: str = ""


class _Allowed(Head, frozen=True):
    allowed: bool = False


_granted, _allowed = Reader(_Granted), Reader(_Allowed)


def read_access_token(body: bytes) -> Secret:
    """The token in the answer of a Create…Token call."""
    token = _granted.read(body).access_token
    if not token:
        raise msgspec.ValidationError("the answer holds no token")
    return Secret(token)


def read_allowed(body: bytes) -> bool:
    """The result in AllowPortAccessResponse."""
    return _allowed.read(body).allowed
