"""Bodies: those of requests are JSON objects, bounded in size and depth; answers are JSON as files of lists have it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import IO, Any

import msgspec
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from portal.api.errors import InvalidBody, Problem

LARGEST = 512 * 1024  # bytes: an automations file and its escapes
DEEPEST = 8
NUL = "A text cannot hold the character U+0000."
TOO_DEEP = f"The body is nested deeper than {DEEPEST} levels."
_encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


class BoundedJSONParser(BaseParser):
    """Reads no more than the largest body, and nothing that is nested deeper than any form."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        content = stream.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise Problem("too-large", 413, f"A body has at most {LARGEST:,} bytes.")
        try:
            found = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidBody([("", f"The body is not JSON: {error}.")], 400) from None
        except RecursionError:
            raise InvalidBody([("", TOO_DEEP)], 400) from None
        if not isinstance(found, dict):
            raise InvalidBody([("", "The body is not a JSON object.")], 400)
        if _depth(found) > DEEPEST:
            raise InvalidBody([("", TOO_DEEP)], 400)
        if places := list(islice(_with_nul(found), 20)):
            raise InvalidBody([(place, NUL) for place in places])
        return found


def _with_nul(value: Any, place: str = "") -> Iterator[str]:
    """Pointers to the texts that Postgres cannot hold. What a name says is not repeated."""
    if isinstance(value, str) and "\0" in value:
        yield place
    elif isinstance(value, dict):
        if any("\0" in name for name in value):
            yield place
        yield from (found for name in value if "\0" not in name for found in _with_nul(value[name], f"{place}/{name}"))
    elif isinstance(value, list):
        yield from (found for at, each in enumerate(value) for found in _with_nul(each, f"{place}/{at}"))


def _depth(value: Any) -> int:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if parts is None else 1 + max(map(_depth, parts), default=0)


class JSONRenderer(BaseRenderer):
    """Times as ISO 8601 in UTC and ids as texts, as in the files of lists; durations are seconds by then."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return _encode(data)


class AnyRenderer(JSONRenderer):
    """For what is sent as it is, such as files."""

    media_type = "*/*"
