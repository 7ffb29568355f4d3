"""The cache's values as JSON: whoever can write to Redis must not be able to run code here, as pickles would."""

from __future__ import annotations

from typing import Any

import msgspec


class JsonSerializer:
    """What Django's Redis cache writes and reads its values with; reading raises msgspec.DecodeError."""

    def dumps(self, value: Any) -> bytes:
        """Any value that JSON has a form for: ids, dates and dataclasses come back as texts and objects."""
        return msgspec.json.encode(value)

    def loads(self, data: bytes) -> Any:
        """The plain value."""
        return msgspec.json.decode(data)
