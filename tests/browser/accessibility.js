// What has not passed yet on the open page, and what axe says of it: see accessibility.py.
"use strict";
(() => {
  const CONTRAST = "color-contrast";
  const APART = "[aria-hidden=true], [aria-disabled=true], :disabled";
  const FIELDS = "input, select, textarea";
  const TARGETS = "a, button, summary, select, textarea, input:not([type=hidden]), [role], [tabindex]";
  const AT_MOST = 2; // of a page, that look the same

  // Axe has nothing to say of what is hidden, off the screen, disabled, or on a picture of its own.
  function isJudged(element) {
    if (!element.checkVisibility({visibilityProperty: true}) || element.closest(APART)) return false;
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.bottom > 0 && getComputedStyle(element).backgroundImage === "none";
  }

  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());

  // What an element paints, whether it hides all behind it, and how it changes the colours of what is in it.
  const paints = new Map();
  function paint(element) {
    if (!paints.has(element)) {
      const style = getComputedStyle(element), colour = style.backgroundColor;
      const effect = [style.opacity, style.filter, style.mixBlendMode].join();
      const place = style.position === "static" ? "" : `${style.position} ${element.getAttribute("class")}`;
      const isOpaque = !/^rgba|\/|transparent/.test(colour);
      paints.set(element, {own: [colour, style.backgroundImage, place].join(), effect, isOpaque});
    }
    return paints.get(element);
  }

  const boxes = new Map();
  function box(element) {
    if (!boxes.has(element)) boxes.set(element, element.getBoundingClientRect());
    return boxes.get(element);
  }
  const holds = (outer, inner) =>
    outer.left <= inner.left && outer.right >= inner.right && outer.top <= inner.top && outer.bottom >= inner.bottom;

  // All that is painted behind an element, from itself to the first opaque ground that it does not stick out of.
  function ground(element) {
    const layers = [];
    let isOpen = true;
    for (let each = element; each; each = each.parentElement) {
      const {own, effect, isOpaque} = paint(each);
      if (isOpen && own !== "rgba(0, 0, 0, 0),none,") layers.push(own);
      if (effect !== "1,none,normal") layers.push(effect);
      if (isOpaque && holds(box(each), box(element))) isOpen = false;
    }
    return layers.join(";");
  }

  function look(element) {
    const style = getComputedStyle(element);
    return [style.color, style.fontSize, style.fontWeight, style.textShadow, "on", ground(element)].join();
  }

  // The texts whose look has not passed, and their looks.
  function unknownTexts(known) {
    paints.clear();
    boxes.clear();
    const passed = new Set(known), times = new Map(), looks = new Map();
    for (const element of document.body.querySelectorAll("*")) {
      if (!(element.matches(FIELDS) || hasText(element)) || !isJudged(element)) continue;
      const its = look(element);
      times.set(its, (times.get(its) || 0) + 1);
      if (!passed.has(its) && times.get(its) <= AT_MOST) looks.set(element, its);
    }
    return looks;
  }

  async function askContrast(known) {
    const looks = unknownTexts(known);
    if (!looks.size) return {violations: [], asked: [], passed: []};
    const found = await axe.run({include: [...looks.keys()]}, {runOnly: [CONTRAST], elementRef: true, preload: false});
    const of = (results) => results.flatMap((result) => result.nodes.map((node) => looks.get(node.element)));
    const failed = new Set(of(found.violations));
    const asked = [...new Set(looks.values())].filter((each) => !failed.has(each));
    return {
      violations: short(found.violations), asked,
      passed: [...new Set(of(found.passes))].filter((each) => each && !failed.has(each)),
    };
  }

  const short = (violations) => violations.map(({id, impact, nodes}) => (
    {id, impact, nodes: nodes.map(({target, html}) => ({target, html}))}));

  // A link or target by its element, classes, and those of its parent; and how a link differs from the text around it.
  function kind(element) {
    const names = [element, element.parentElement].map((each) => `${each.tagName}.${each.getAttribute("class")}`);
    const told = (each) => {
      const style = getComputedStyle(each);
      return `${style.display} ${style.color} ${style.fontWeight} ${style.textDecorationLine}`;
    };
    return [element.type, ...names, ...(element.matches("a") ? [told(element), told(element.parentElement)] : [])].join();
  }

  // What sticks to an edge covers other targets until one scrolls on.
  async function unstuck(judge) {
    const stuck = [...document.body.querySelectorAll("*")].filter((each) => getComputedStyle(each).position === "sticky");
    stuck.forEach((each) => Object.assign(each.style, {position: "relative", inset: "auto"}));
    const found = await judge();
    stuck.forEach((each) => Object.assign(each.style, {position: "", inset: ""}));
    return short(found.violations);
  }

  const kinds = () => [...new Set([...document.body.querySelectorAll(TARGETS)].map(kind))];

  // What the rules say of the document; those of links and targets only where there is one of an unknown kind.
  window.judgeRules = async ({rules, slow, known}) => {
    const news = kinds().filter((each) => !known.includes(each));
    const disabled = Object.fromEntries([CONTRAST, ...(news.length ? [] : slow)].map((rule) => [rule, {enabled: false}]));
    const violations = await unstuck(() => axe.run(document, {...rules, rules: disabled}));
    return {violations, passed: violations.some(({id}) => slow.includes(id)) ? [] : news};
  };

  window.judgeTargets = (rules) => unstuck(() => axe.run(document, rules));

  // Contrast by theme: only colours differ between them.
  window.judgeContrast = async (themes) => {
    const answers = {};
    for (const [theme, known] of Object.entries(themes)) {
      document.documentElement.dataset.bsTheme = theme;
      answers[theme] = await askContrast(known);
    }
    return answers;
  };
})();
