"""What Ona grants on request: tokens, and leave to reach a port."""

import msgspec

from .values import Head, Reader


class Secret:
    """A token, kept from every repr; `reveal()` gives it."""

    __slots__ = ("_token",)

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "Secret('…')"

    def reveal(self) -> str:
        """The token itself."""
        return self._token


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
    """The verdict in AllowPortAccessResponse."""
    return _allowed.read(body).allowed
