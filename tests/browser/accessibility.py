"""What axe says of an open page: every rule, and contrast in light and dark.

Axe takes longest over contrast, which it works out for every text anew, though most look as on the pages before. A
text looks the same where its colour, size and weight are, and all that is painted behind it. Contrast is asked for
texts whose look has not passed yet in this theme, at most two of a page that look the same. What failed is asked for
every time; what could not be told, on IN_VAIN pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = {"serious", "critical"}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
THEMES = ("light", "dark")
CONTRAST, TARGET_SIZE = "color-contrast", "target-size"
IN_VAIN = 4
RULES = {
    "resultTypes": ["violations"],
    "preload": False,
    "runOnly": {"type": "tag", "values": TAGS},
    "rules": {CONTRAST: {"enabled": False}},
}
TARGETS = {"resultTypes": ["violations"], "preload": False, "runOnly": [TARGET_SIZE]}
ASK_RULES = "rules => axe.run(document, rules).then(found => found.violations)"
# Only colours differ between the themes.
ASK_CONTRAST = """
async ([theme, known, rule]) => {
  const painted = new Map(), looks = new Map(), times = new Map(), passed = new Set(known);
  document.documentElement.dataset.bsTheme = theme;

  function behind(element) {
    if (!element) return "";
    if (!painted.has(element)) {
      const style = getComputedStyle(element);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter, style.mixBlendMode];
      if (style.position !== "static") own.push(style.position, element.getAttribute("class"));
      const paints = own.join() !== "rgba(0, 0, 0, 0),none,1,none,normal";
      painted.set(element, behind(element.parentElement) + (paints ? `${own};` : ""));
    }
    return painted.get(element);
  }

  function look(element) {
    const style = getComputedStyle(element);
    const own = [style.color, style.fontSize, style.fontWeight, style.textShadow, element.getAttribute("class")];
    return `${own} on ${behind(element)}`;
  }

  // Axe has nothing to say of what is hidden, off the screen, disabled, or on a picture of its own.
  function isJudged(element) {
    if (!element.checkVisibility({visibilityProperty: true}) || element.closest(APART)) return false;
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.bottom > 0 && getComputedStyle(element).backgroundImage === "none";
  }

  const APART = "[aria-hidden=true], [aria-disabled=true], :disabled";
  const isField = (element) => element.matches("input, select, textarea");
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  for (const element of document.body.querySelectorAll("*")) {
    if (!(isField(element) || hasText(element)) || !isJudged(element)) continue;
    const its = look(element);
    times.set(its, (times.get(its) || 0) + 1);
    if (!passed.has(its) && times.get(its) <= 2) looks.set(element, its);
  }
  if (!looks.size) return {violations: [], asked: [], passed: []};
  const found = await axe.run({include: [...looks.keys()]}, {runOnly: [rule], elementRef: true, preload: false});
  const of = (results) => results.flatMap((result) => result.nodes.map((node) => looks.get(node.element)));
  const failed = new Set(of(found.violations));
  const violations = found.violations.map(({id, impact, nodes}) => (
    {id, impact, nodes: nodes.map(({target, html}) => ({target, html}))}));
  const asked = [...new Set(looks.values())].filter((each) => !failed.has(each));
  return {violations, asked, passed: [...new Set(of(found.passes))].filter((each) => each && !failed.has(each))};
}
"""


class Judge:
    """Complaints about one page after another."""

    def __init__(self) -> None:
        self.passed: dict[str, set[str]] = {theme: set() for theme in THEMES}
        self.asked: dict[str, Counter[str]] = {theme: Counter() for theme in THEMES}

    def complaints(self, page: Page) -> Iterator[str]:
        """What a reader could stumble over on the page as it is, and in each theme."""
        if not page.evaluate("'axe' in window"):
            page.evaluate(Axe().axe_script)
        yield from _serious(page.evaluate(ASK_RULES, RULES))
        for theme in THEMES:
            yield from (f"{each} ({theme})" for each in _serious(self._contrast(page, theme)))

    def small_targets(self, page: Page) -> Iterator[str]:
        """What is too small for a thumb, on a page that was judged at another width."""
        yield from _serious(page.evaluate(ASK_RULES, TARGETS))

    def _contrast(self, page: Page, theme: str) -> list[dict[str, Any]]:
        passed, asked = self.passed[theme], self.asked[theme]
        answer = page.evaluate(ASK_CONTRAST, [theme, sorted(passed), CONTRAST])
        passed.update(answer["passed"])
        asked.update(answer["asked"])
        passed.update(look for look in answer["asked"] if asked[look] >= IN_VAIN)
        return list(answer["violations"])


def _serious(violations: list[dict[str, Any]]) -> Iterator[str]:
    return (f"{each['id']}: {_where(each)}" for each in violations if each["impact"] in SERIOUS)


def _where(violation: dict[str, Any]) -> str:
    return "; ".join(f"{node['target'][0]} {node['html'][:120]}" for node in violation["nodes"][:4])
