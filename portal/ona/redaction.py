"""Redact secrets in error messages, in whatever form Ona or a proxy echoes them."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from .documents.tokens import Secret

_SHORTEST_INSIDE = 8
"""Characters of base64; what is shorter would be found in texts that have nothing to do with it."""


class Scrubber:
    """Replaces the token, the former one and a call's secrets: as they are, in one line, JSON-escaped, in base64."""

    def __init__(self, token: Secret, secrets: Iterable[Secret] = (), former: Secret | None = None) -> None:
        self._token, self._former = token, former
        self._labels = {form: "[secret]" for each in secrets for form in _forms(each.reveal())}
        self.carries_secrets = bool(self._labels)
        self._labels |= {each.reveal(): "[token]" for each in (token, former) if each}
        # One pass, longest first, so that no replacement is replaced again.
        longest_first = sorted(self._labels, key=len, reverse=True)
        self._pattern = re.compile("|".join(re.escape(form) for form in longest_first))

    def with_secrets(self, secrets: Iterable[Secret]) -> "Scrubber":
        """A scrubber for a call with these secrets too."""
        return Scrubber(self._token, secrets, self._former)

    def text(self, text: str) -> str:
        """`text`, redacted."""
        return self._pattern.sub(lambda found: self._labels[found[0]], text)

    def body(self, body: bytes) -> bytes:
        """`body`, redacted; invalid UTF-8 is left unchanged."""
        return self.text(body.decode(errors="surrogateescape")).encode(errors="surrogateescape")

    def value(self, value: Any) -> Any:
        """A JSON value, redacted, including its keys."""
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
    """The forms of `secret` in a text or in JSON."""
    forms = {secret, " ".join(secret.split()), secret.strip()}
    for form in list(forms):
        forms |= {json.dumps(form)[1:-1], json.dumps(form, ensure_ascii=False)[1:-1]}
    forms |= {form.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026") for form in forms}
    return {form for form in forms | set(_base64(secret.encode(errors="replace"))) if form}


def _base64(secret: bytes) -> Iterator[str]:
    """Alone, and as part of a longer text, where it is shifted by zero, one or two bytes."""
    for encode in (b64encode, urlsafe_b64encode):
        whole = encode(secret).decode()
        yield whole
        yield whole.rstrip("=")
        for shift in range(3):
            bits = 8 * (shift + len(secret))
            inside = encode(bytes(shift) + secret)[-(-8 * shift // 6) : bits // 6].decode()
            if len(inside) >= _SHORTEST_INSIDE:
                yield inside
