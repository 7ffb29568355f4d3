"""Bars, marks and gaps as SVG. Made here and not by a template, which takes ten times as long for hundreds of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.utils.html import format_html
from django.utils.safestring import SafeString

if TYPE_CHECKING:
    from environments.timeline.drawing import DrawnBar, DrawnGap, DrawnMark

LINK = '<a{id} class="tl-link" href="{url}" aria-label="{words}"{current}><title>{words}</title>{inside}</a>'
WITHOUT = '<g role="img" aria-label="{words}"><title>{words}</title>{inside}</g>'
BAR = (
    '<svg x="{x}%" width="{width}%" height="30"><rect class="tl-hit" width="100%" height="30"/>'
    '<rect class="tl-bar tl-{tone}" x="{light}%" width="{rest}%" y="{y}" height="{height}"/>{uncertain}{label}</svg>'
)
UNCERTAIN = '<rect class="tl-bar tl-light tl-{tone}" width="{light}%" y="{y}" height="{height}"/>'
LABEL = '<text class="tl-label" {place} y="{y}">{label}</text>'
PLACES = {"start": SafeString('x="6"'), "end": SafeString('x="100%" dx="-6" text-anchor="end"')}
SIGN = '<use class="tl-sign tl-sign-{kind}" href="#tl-{kind}" x="{x}%" y="15"/>'
GAP = (
    '<rect class="tl-gap" x="{x}%" width="{width}%" y="2" height="26" fill="url(#tl-hatch)">'
    "<title>{words}</title></rect>"
)
LOW = 10  # pixels: the label of a bar no higher than this stands above it
CURRENT, NOTHING = SafeString(' aria-current="true"'), SafeString("")


def bars(drawn: Iterable[DrawnBar]) -> SafeString:
    """The states of a lane, and several together where they are too narrow."""
    return SafeString("".join(_linked(bar, _bar(bar)) for bar in drawn))


def marks(drawn: Iterable[DrawnMark]) -> SafeString:
    """What has no length."""
    return SafeString("".join(_linked(mark, format_html(SIGN, kind=mark.kind, x=mark.x)) for mark in drawn))


def gaps(drawn: Iterable[DrawnGap]) -> SafeString:
    """The times that were not observed, hatched; the same in every lane."""
    return SafeString("".join(format_html(GAP, x=gap.x, width=gap.width, words=gap.words) for gap in drawn))


def _linked(drawn: DrawnBar | DrawnMark, inside: SafeString) -> SafeString:
    if not drawn.url:
        return format_html(WITHOUT, words=drawn.words, inside=inside)
    id_ = format_html(' id="{}"', drawn.id) if drawn.id else NOTHING
    current = CURRENT if drawn.is_chosen else NOTHING
    return format_html(LINK, id=id_, url=drawn.url, words=drawn.words, current=current, inside=inside)


def _bar(bar: DrawnBar) -> SafeString:
    places = {"tone": bar.tone, "light": bar.light, "y": bar.y, "height": bar.height}
    uncertain = format_html(UNCERTAIN, **places) if bar.light != "0" else NOTHING
    label = NOTHING
    if bar.label:
        label = format_html(LABEL, place=PLACES[bar.anchor], y=19 if bar.height > LOW else 10, label=bar.label)
    return format_html(BAR, x=bar.x, width=bar.width, rest=bar.rest, uncertain=uncertain, label=label, **places)
