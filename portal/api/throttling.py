"""How many requests to the API are answered: of each token, of each address, and with wrong tokens.

Requests are counted in Redis, in windows of a minute, for all processes together. Without Redis nothing is refused:
these limits are for fairness. A token cannot be guessed, the web server's threads bound the load, and an API that stops
with Redis would be missing when it is needed most.
"""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network
from math import ceil
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from portal.optional_redis import OptionalRedis
from portal.web.network import client_address

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which loads the classes that the settings name: these

WINDOW = 60.0  # seconds
COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class Window:
    """Counts what happens under a key within a minute of the first."""

    def __init__(self, redis_url: str) -> None:
        self._redis = OptionalRedis(redis_url, "requests to the API are not limited")

    def take(self, key: str, limit: int) -> float | None:
        """Count one more, and return the seconds to wait if that is above the limit; None if it is not."""
        told = self._redis.ask(lambda client: client.eval(COUNT, 1, f"portal:api:{key}", str(int(WINDOW * 1000))))
        if told is None:
            return None
        count, milliseconds = told
        return max(1.0, ceil(milliseconds / 1000)) if count > limit else None


@cache
def window(redis_url: str) -> Window:
    """The one of this process."""
    return Window(redis_url)


class _Throttle(BaseThrottle):
    _wait: float | None = None

    def allow_request(self, request: Request, view: APIView) -> bool:
        key, limit = self.counted(request)
        self._wait = window(settings.REDIS_URL).take(key, limit) if key else None
        return self._wait is None

    def wait(self) -> float | None:
        """Becomes Retry-After, in seconds."""
        return self._wait

    def counted(self, request: Request) -> tuple[str, int]:
        """What is counted, empty for nothing, and how many are answered in a minute."""
        raise NotImplementedError


class TokenThrottle(_Throttle):
    """PORTAL_API_TOKEN_REQUESTS a minute of each token."""

    def counted(self, request: Request) -> tuple[str, int]:
        return f"token:{request.auth.pk}" if request.auth else "", settings.API_TOKEN_REQUESTS


class AddressThrottle(_Throttle):
    """PORTAL_API_ADDRESS_REQUESTS a minute from each address, whatever the token."""

    def counted(self, request: Request) -> tuple[str, int]:
        return f"address:{_name(client_address(request._request))}", settings.API_ADDRESS_REQUESTS


def count_failure(address: str | None) -> None:
    """Count a wrong token; Throttled above PORTAL_API_FAILURES a minute from the address.

    Only wrong tokens are refused by that: one script with an expired token must not stop all others of its address.
    """
    wait = window(settings.REDIS_URL).take(f"failures:{_name(address)}", settings.API_FAILURES)
    if wait is not None:
        raise Throttled(wait, "Too many requests with a wrong token came from this address.")


def _name(address: str | None) -> str:
    """What an address is counted as; one host has all of an IPv6 network of /64."""
    if address is None:
        return "unknown"
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address
