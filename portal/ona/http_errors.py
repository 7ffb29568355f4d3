"""Turn an unsuccessful HTTP response into its error."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from .errors import BY_CODE, BY_HTTP_STATUS, NotOna, OnaError, Refused, Unknown
from .redaction import Scrubber

_REQUEST_ID_HEADERS = ("x-request-id", "x-trace-id", "x-b3-traceid", "traceparent", "cf-ray")
EXCERPT = 200


class ConnectError(msgspec.Struct):
    """A Connect error in JSON."""

    code: str = ""
    message: str = ""
    details: list[Any] = []


def error_of(
    status: int, headers: Mapping[str, str], body: bytes, *, rpc: str, now: datetime, scrubber: Scrubber
) -> OnaError:
    """The error of a non-200 response: Connect's by its code, 429 and 5xx by HTTP status, anything else NotOna.

    Quotes from the body are redacted as decoded, since JSON escapes can hide a secret; a body that is not Connect's is
    not quoted if the call carried a secret.
    """
    about: dict[str, Any] = {
        "rpc": rpc,
        "request_id": request_id(headers),
        "http_status": status,
        "retry_after": retry_after(headers.get("retry-after", ""), headers.get("date", ""), now),
    }
    try:
        said = msgspec.json.decode(body, type=ConnectError)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = None
    if said and said.code in BY_CODE:
        return connect_error(said, about, scrubber)
    return BY_HTTP_STATUS.get(status, NotOna)(
        _what_came(status, headers, b"" if scrubber.carries_secrets else scrubber.body(body)), **about
    )


def connect_error(said: ConnectError, about: Mapping[str, Any], scrubber: Scrubber) -> Refused:
    """The error that Ona reports."""
    message, details = plain(scrubber.text(said.message), 2000), scrubber.value(said.details)
    return BY_CODE.get(said.code, Unknown)(message, details=details, **about)


def request_id(headers: Mapping[str, str]) -> str:
    """The id by which the vendor's support finds the request, or ""."""
    return next((plain(headers[name]) for name in _REQUEST_ID_HEADERS if headers.get(name)), "")


def retry_after(text: str, date: str, now: datetime) -> float | None:
    """The seconds of a Retry-After of either form, by the response's own Date rather than our clock."""
    if text.strip().isascii() and text.strip().isdigit():
        return float(text.strip()[:9])
    until = _http_date(text)
    if until is None:
        return None
    return max(0.0, float(math.ceil((until - (_http_date(date) or now)).total_seconds())))


def plain(text: str, longest: int = EXCERPT) -> str:
    """`text` in one line without control characters, at most `longest` characters."""
    cleaned = "".join(each if each.isprintable() else " " for each in text[: longest * 4])
    return " ".join(cleaned.split())[:longest]


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _what_came(status: int, headers: Mapping[str, str], body: bytes) -> str:
    kind = plain(headers.get("content-type", ""), 60).split(";")[0] or "no content type"
    who = "the address redirects to another one" if 300 <= status < 400 else "a proxy or another server answered"
    excerpt = plain(body[: EXCERPT * 4].decode(errors="replace"))
    return f"{who}: HTTP {status} with {kind}" + (f": {excerpt}" if excerpt else "")
