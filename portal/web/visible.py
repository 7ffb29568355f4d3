"""Control characters made visible, where texts leave the portal: stored texts stay as Ona has them.

ESC, BEL and the like drive terminals, and overrides of the direction make a text read as another one. Line ends and
tabs stay. The log viewer knows ANSI's sequences itself; its streams are not touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase

_C0 = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n\r"} | {0x7F: "\u2421"}
_C1 = {code: f"[U+{code:04X}]" for code in range(0x80, 0xA0)}
_DIRECTION = {code: f"[U+{code:04X}]" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_SIGNS = _C0 | _C1 | _DIRECTION
# values of forms are sent back, and what is copied shall be what is there: a reference is no sign, and is read as one
_KEPT = {code: f"&#x{code:X};" for code in (*_C0, *_DIRECTION)} | _C1
_VALUES = re.compile(r'(?:<textarea\b[^>]*>.*?</textarea>|\s(?:value|data-copy)="[^"]*")', re.DOTALL)
# of a page in UTF-8; looked for one after another, as an alternation takes five times as long
_C0_BYTES = bytes(_C0)
_LONGER = (re.compile(rb"\xc2[\x80-\x9f]"), re.compile(rb"\xe2\x80[\xaa-\xae]"), re.compile(rb"\xe2\x81[\xa6-\xa9]"))
KINDS = ("text/html", "text/plain")


def visible(text: str) -> str:
    """The text with a visible sign for each control character: ESC is "␛", an override "[U+202E]"."""
    return text if text.isprintable() else text.translate(_SIGNS)


def has_signs(page: bytes) -> bool:
    """Whether a page has any of these characters."""
    has_c0 = len(page.translate(None, _C0_BYTES)) != len(page)
    return has_c0 or any(longer.search(page) for longer in _LONGER)


def visible_html(page: str) -> str:
    """A page with visible signs; in the values of forms with references, so that they are sent back as they were."""
    parts, end = [], 0
    for value in _VALUES.finditer(page):
        parts += [page[end : value.start()].translate(_SIGNS), value[0].translate(_KEPT)]
        end = value.end()
    return "".join([*parts, page[end:].translate(_SIGNS)])


class VisibleText:
    """Middleware: no page has a control character of anybody's, whoever made which part of it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pages and sentences; files and streams are left as they are."""
        response = self.get_response(request)
        if isinstance(response, HttpResponse) and _is_page(response) and has_signs(response.content):
            response.content = visible_html(response.content.decode()).encode()
        return response


def _is_page(response: HttpResponse) -> bool:
    return response.get("Content-Type", "").startswith(KINDS)
