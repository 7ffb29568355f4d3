"""Who a token belongs to, and what Ona tells of it: personal access tokens, and service accounts with theirs."""

from typing import TypeVar
from uuid import UUID

from .pages import Listing
from .values import Head, Reader, Timestamp


class User(Head, frozen=True, kw_only=True):
    """User."""

    name: str = ""
    email: str = ""


class ServiceAccount(Head, frozen=True, kw_only=True):
    """ServiceAccount."""

    name: str = ""
    valid_until: Timestamp | None = None
    suspended: bool = False


class AccessToken(Head, frozen=True, kw_only=True):
    """What personal access tokens and those of service accounts share."""

    id: UUID
    description: str = ""
    expires_at: Timestamp | None = None
    last_used: Timestamp | None = None


class PersonalAccessToken(AccessToken, frozen=True, kw_only=True):
    """PersonalAccessToken."""

    read_only: bool = False


class ServiceAccountToken(AccessToken, frozen=True, kw_only=True):
    """ServiceAccountToken."""

    service_account_id: UUID | None = None


K = TypeVar("K", bound=AccessToken)


def _tokens(name: str, kind: type[K]) -> Listing[K, K]:
    return Listing(name, kind, lambda token: token)


read_user, read_service_account = Reader(User).read, Reader(ServiceAccount).read
PERSONAL_ACCESS_TOKENS = _tokens("personalAccessTokens", PersonalAccessToken)
SERVICE_ACCOUNT_TOKENS = _tokens("tokens", ServiceAccountToken)
