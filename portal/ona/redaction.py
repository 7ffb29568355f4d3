"""Keeps what must stay secret out of what an error tells: in whatever form Ona, or something before it, echoes it."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from .documents.tokens import Secret

_SHORTEST_INSIDE = 8
"""Characters of base64; what is shorter would be found in texts that have nothing to do with it."""


class Scrubber:
    """Replaces the token and the secrets a call carried: as they are, in one line, JSON-escaped, and in base64."""

    def __init__(self, token: Secret, secrets: Iterable[Secret] = ()) -> None:
        self._token = token
        self._labels = {form: "[secret]" for each in secrets for form in _forms(each.reveal())}
        self.carries_secrets = bool(self._labels)
        self._labels[token.reveal()] = "[token]"
        # One pass, the longest first: what is put in place of one is never taken for another.
        longest_first = sorted(self._labels, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def with_secrets(self, secrets: Iterable[Secret]) -> "Scrubber":
        """One for a call that carries these too."""
        return Scrubber(self._token, secrets)

    def text(self, text: str) -> str:
        """`text` without them."""
        return self._pattern.sub(lambda found: self._labels[found[0]], text)

    def body(self, body: bytes) -> bytes:
        """`body` without them; bytes that are no UTF-8 stay as they are."""
        return self.text(body.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def value(self, value: Any) -> Any:
        """A JSON value without them, its keys included."""
        match value:
            case str():
                return self.text(value)
            case list():
                return [self.value(each) for each in value]
            case dict():
                return {self.value(name): self.value(each) for name, each in value.items()}
            case int() | float() if not isinstance(value, bool):
                # A secret of digits may be echoed as a number.
                return value if (said := self.text(str(value))) == str(value) else said
        return value


def _forms(secret: str) -> set[str]:
    """How `secret` may be written in a text or in JSON."""
    forms = {secret, " ".join(secret.split()), secret.strip()}
    for form in list(forms):
        forms |= {json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]}
    forms |= {form.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026") for form in forms}
    return {form for form in forms | set(_base64(secret.encode(errors="replace"))) if form}


def _base64(secret: bytes) -> Iterator[str]:
    """As the whole and as a part of something longer, which shifts it by none, one or two bytes."""
    for encode in (b64encode, urlsafe_b64encode):
        whole = encode(secret).decode()
        yield whole
        yield whole.rstrip("=")
        for shift in range(3):
            bits = 8 * (shift + len(secret))
            inside = encode(bytes(shift) + secret)[-(-8 * shift // 6) : bits // 6].decode()
            if len(inside) >= _SHORTEST_INSIDE:
                yield inside
