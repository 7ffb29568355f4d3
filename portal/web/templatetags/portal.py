"""Template tags of all pages: {% load portal %}."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.web import clock, formatting, names, navigation
from portal.web.formatting import UNKNOWN
from portal.web.links import https_url
from portal.web.names import IN_ORDER, Standings
from portal.web.network import browser_words

register = template.Library()


@register.filter
def ago(value: datetime | None) -> SafeString | str:
    """When something happened, relative to now, with the absolute time in its tooltip, on pages of the past that alone;
    "unknown" for None. It goes on while a page is open: static/js/clock.js."""
    return _relative(value, "ago", formatting.ago_words)


@register.filter
def due(value: datetime | None) -> SafeString | str:
    """When something is to happen, in the same way."""
    return _relative(value, "due", formatting.due_words)


def _relative(value: datetime | None, name: str, words: Callable[[datetime, datetime], str]) -> SafeString | str:
    if value is None or value == "" or formatting.stands_for_none(value):
        return formatting.UNKNOWN
    shown = f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if clock.is_past() else words(value, timezone.now())
    ticks = SafeString(f" data-{name}" if formatting.is_relative(shown) else "")
    title = formatting.time_words(value)
    return format_html('<time datetime="{}" title="{}"{}>{}</time>', _iso(value), title, ticks, shown)


@register.filter
def since(value: datetime) -> SafeString | str:
    """How long something runs already; it goes on while a page is open: static/js/clock.js."""
    words = formatting.so_far_words(value, timezone.now())
    if words == formatting.UNKNOWN:
        return words
    return format_html('<span data-since="{}">{}</span> so far', _iso(value), words)


@register.filter
def at(value: datetime | None) -> SafeString | str:
    """An absolute time in UTC; "unknown" for None."""
    if value is None or value == "" or formatting.stands_for_none(value):
        return formatting.UNKNOWN
    return format_html('<time datetime="{}">{}</time>', _iso(value), formatting.time_words(value))


def _iso(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="seconds")


@register.simple_tag
def named(
    kind: str, identity: UUID | None, name: str, absent: str = UNKNOWN, standings: Standings | str = IN_ORDER
) -> str:
    """An owner, project, runner or class by name, leading to its page, and marked if it is not in order."""
    # a name that a template's context does not have is an empty text
    return names.named(kind, identity, name, absent, IN_ORDER if isinstance(standings, str) else standings)


@register.filter
def pairs(value: Iterable[tuple[str, str]]) -> str:
    """Pairs as a query string, for scripts."""
    return urlencode(list(value))


@register.filter
def typed_time(value: str | None) -> str:
    """A time of an address as its field shows it: 2026-12-31 18:00."""
    return (value or "").replace("T", " ")


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A timedelta or a number of seconds in words; "unknown" for None."""
    if value is None or value == "":
        return formatting.UNKNOWN
    return formatting.duration_words(value if isinstance(value, timedelta) else timedelta(seconds=float(value)))


@register.filter
def phase(value: str | None) -> str:
    """The word for Ona's enum value."""
    return formatting.phase_word(value)


@register.filter
def browser(agent: str) -> str:
    """A client by its name and system, as far as it tells them."""
    return browser_words(agent) or formatting.UNKNOWN


@register.simple_tag
def phase_dot(value: str | None) -> SafeString:
    """A phase as dot and word, coloured by meaning."""
    return format_html(
        '<span class="phase phase-{}"><span class="phase-dot" aria-hidden="true"></span>{}</span>',
        formatting.phase_tone(value),
        formatting.phase_word(value),
    )


@register.simple_tag
def safe_link(url: str | None, text: str | None = None) -> SafeString | str:
    """A link if the URL is plain https, else its text; "unknown" for None."""
    label = text or url
    if not label:
        return formatting.UNKNOWN
    safe = https_url(url)
    if safe is None:
        return format_html("{}", label)
    return format_html('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', safe, label)


@register.simple_tag
def copyable(text: Any, label: str = "") -> SafeString | str:
    """A value with a copy button; `label` describes it to screen readers."""
    if text is None or text == "":
        return formatting.UNKNOWN
    return format_html(
        '<span class="copyable"><code>{}</code><button type="button" class="copy-button" data-copy="{}"'
        ' aria-label="Copy {}" title="Copy">{}</button></span>',
        text,
        text,
        label or text,
        icon("copy"),
    )


@register.simple_tag
def icon(name: str) -> SafeString:
    """A decorative icon of the sprite static/img/icons.svg."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        static("img/icons.svg"),
        name,
    )


@register.simple_tag(takes_context=True)
def navigation_links(context: template.Context) -> list[navigation.Link]:
    """The entries of the left navigation that the user may open."""
    request = context.get("request")
    return navigation.links(request) if request is not None else []


@register.simple_tag
def url_if_any(name: str) -> str:
    """The path of a named URL; empty if there is none."""
    return navigation.url_of(name)
