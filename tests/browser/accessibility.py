"""What axe says of an open page: every rule, best practices too, and contrast in light and dark.

Axe takes longest over contrast, over links within text and over the size of targets. It works them out for every
element anew, though most look as on the pages before.

- Contrast is asked for texts whose look has not passed yet in this theme, at most two of a page that look the same. A
  text looks the same where its colour, size and weight are, and all that is painted behind it. What failed is asked for
  every time; what could not be told, on IN_VAIN pages.
- Links and targets are asked for on pages that have one of a kind which no page has passed with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
THEMES = ("light", "dark")
IN_VAIN = 4
SLOW = ["link-in-text-block", "target-size"]
RULES = {"resultTypes": ["violations"], "preload": False, "runOnly": {"type": "tag", "values": TAGS}}
TARGETS = {"resultTypes": ["violations"], "preload": False, "runOnly": ["target-size"]}
SCRIPT = f"{Axe().axe_script}\n{Path(__file__).with_suffix('.js').read_text()}"


class Judge:
    """Complaints about one page after another."""

    def __init__(self) -> None:
        self.passed: dict[str, set[str]] = {theme: set() for theme in THEMES}
        self._asked: dict[str, Counter[str]] = {theme: Counter() for theme in THEMES}
        self._kinds: set[str] = set()

    def complaints(self, page: Page) -> Iterator[str]:
        """What a reader could stumble over on the page as it is, and in each theme."""
        page.evaluate(SCRIPT)
        found = page.evaluate("asked => judgeRules(asked)", {"rules": RULES, "slow": SLOW, "known": [*self._kinds]})
        self._kinds.update(found["passed"])
        yield from _told(found["violations"])
        known = {theme: [*self.passed[theme]] for theme in THEMES}
        for theme, answer in page.evaluate("known => judgeContrast(known)", known).items():
            self._remember(theme, answer["asked"], answer["passed"])
            yield from (f"{each} ({theme})" for each in _told(answer["violations"]))

    def small_targets(self, page: Page) -> Iterator[str]:
        """What is too small for a thumb, on a page that was judged at another width."""
        yield from _told(page.evaluate("rules => judgeTargets(rules)", TARGETS))

    def _remember(self, theme: str, asked: list[str], passed: list[str]) -> None:
        self._asked[theme].update(asked)
        self.passed[theme].update(passed, (look for look in asked if self._asked[theme][look] >= IN_VAIN))


def _told(violations: list[dict[str, Any]]) -> Iterator[str]:
    return (f"{each['id']}: {_where(each)}" for each in violations)


def _where(violation: dict[str, Any]) -> str:
    return "; ".join(f"{node['target'][0]} {node['html'][:120]}" for node in violation["nodes"][:4])
