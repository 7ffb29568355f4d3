"""Bars, marks and gaps as SVG. Not in a template: 400 bars take 89 ms there, and 5 ms here.

Texts and URLs are escaped; everything else is numbers and words of this package.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString

LINK = '<a{id} class="tl-link" href="{url}" aria-label="{words}"{current}><title>{words}</title>{inside}</a>'
NO_LINK = '<g role="img" aria-label="{words}"><title>{words}</title>{inside}</g>'
BAR = (
    '<svg x="{x}%" width="{width}%" height="30"><rect class="tl-hit" width="100%" height="30"/>'
    '<rect class="tl-bar tl-{tone}" x="{light}%" width="{rest}%" y="{y}" height="{height}"/>{uncertain}{label}</svg>'
)
UNCERTAIN = '<rect class="tl-bar tl-light tl-{tone}" width="{light}%" y="{y}" height="{height}"/>'
LABEL = '<text class="tl-label" {place} y="{y}">{label}</text>'
LABEL_POSITIONS = {"start": 'x="6"', "end": 'x="100%" dx="-6" text-anchor="end"'}
MARK = '<use class="tl-sign tl-sign-{kind}" href="#tl-{kind}" x="{x}%" y="15"/>'
GAP = (
    '<rect class="tl-gap" x="{x}%" width="{width}%" y="2" height="26" fill="url(#tl-hatch)">'
    "<title>{words}</title></rect>"
)
LOW = 10  # pixels: labels of lower bars stand above them


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A rectangle: `x` and `width` in percent of the picture, `light` the uncertain part in percent of the bar."""

    id: str
    x: str
    width: str
    light: str
    rest: str
    y: int
    height: int
    tone: str
    label: str
    words: str
    url: str
    is_chosen: bool
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class DrawnMark:
    """A sign in the middle of its lane."""

    id: str
    x: str
    kind: str
    words: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class DrawnGap:
    x: str
    width: str
    words: str


def bars(drawn: Iterable[DrawnBar]) -> SafeString:
    """The bars of a lane."""
    return SafeString("".join(_linked(bar, _bar(bar)) for bar in drawn))


def marks(drawn: Iterable[DrawnMark]) -> SafeString:
    """The marks of a lane."""
    return SafeString("".join(_linked(mark, MARK.format(kind=escape(mark.kind), x=mark.x)) for mark in drawn))


def gaps(drawn: Iterable[DrawnGap]) -> SafeString:
    """Hatched unobserved times; the same in every lane."""
    return SafeString("".join(GAP.format(x=gap.x, width=gap.width, words=escape(gap.words)) for gap in drawn))


def _linked(drawn: DrawnBar | DrawnMark, inside: str) -> str:
    words = escape(drawn.words)
    if not drawn.url:
        return NO_LINK.format(words=words, inside=inside)
    id_ = f' id="{escape(drawn.id)}"' if drawn.id else ""
    current = ' aria-current="true"' if drawn.is_chosen else ""
    return LINK.format(id=id_, url=escape(drawn.url), words=words, current=current, inside=inside)


def _bar(bar: DrawnBar) -> str:
    places = {"tone": escape(bar.tone), "light": bar.light, "y": bar.y, "height": bar.height}
    uncertain = UNCERTAIN.format(**places) if bar.light != "0" else ""
    label = ""
    if bar.label:
        label = LABEL.format(
            place=LABEL_POSITIONS[bar.anchor], y=19 if bar.height > LOW else 10, label=escape(bar.label)
        )
    return BAR.format(x=bar.x, width=bar.width, rest=bar.rest, uncertain=uncertain, label=label, **places)
