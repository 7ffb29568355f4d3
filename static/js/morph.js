// What a poll swaps is morphed (idiomorph): elements that are there before and after stay, with their focus, their selection
// and a click that has begun. So does what the reader did to them, as told here. Filters follow the address, and are
// morphed alone.
(() => {
  const UNSENT = "form[data-typed]"; // static/js/portal.js marks them
  const ofReader = {
    open: () => true,
    tabindex: (element, how) => how === "remove", // of what scrolls
    value: (element) => "defaultValue" in element && element.value !== element.defaultValue,
    checked: (element) => element.checked !== element.defaultChecked,
    selected: (element) => element.selected !== element.defaultSelected,
  };
  const is = (node, selector) => node instanceof Element && node.matches(selector);

  Object.assign(Idiomorph.defaults.callbacks, {
    beforeAttributeUpdated: (name, element, how) => Boolean(element.closest("#facets")) || !ofReader[name]?.(element, how),
    beforeNodeMorphed: (node) => !is(node, `${UNSENT}, #facets`),
    beforeNodeRemoved: (node) => !is(node, `${UNSENT}, :has(${UNSENT})`),
  });
})();
