// Lists: the filters are not counted again while one is looked for among them, and stay folded as they were left.
(() => {
  const folded = new Map();
  const narrow = window.matchMedia("(max-width: 62rem)");

  function fold() {
    for (const [id, open] of folded) {
      const element = document.getElementById(id);
      if (element) element[element.type === "checkbox" ? "checked" : "open"] = open;
    }
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { elt } = event.detail.requestConfig;
    if (elt.matches("[data-quiet]") && document.activeElement?.matches(".facet-find") && document.activeElement.value) {
      event.detail.shouldSwap = false;
    }
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches && event.target.matches("#filters-panel, .facet")) folded.set(event.target.id, event.target.open);
  }, true);
  document.addEventListener("change", (event) => {
    if (event.target.id === "all-rows") folded.set("all-rows", event.target.checked);
  });
  document.addEventListener("htmx:afterSwap", fold);

  // What is typed and what is ticked are one state. A word that a filter tells as well (data-moved) is ticked, and when
  // the box is left it holds the other words alone; until then the box tells it, not the tick.
  function settle(isLeft) {
    const list = document.getElementById("list");
    const box = document.getElementById("q");
    if (!box || !list || !list.dataset.moved || (!isLeft && document.activeElement === box)) return;
    box.value = list.dataset.words;
    for (const [name, value] of new URLSearchParams(list.dataset.moved)) {
      for (const control of [box.form.elements[name] || []].flatMap((each) => (each.tagName ? [each] : [...each]))) {
        if (control.type !== "checkbox" && control.type !== "radio") control.value = value;
        else if (control.value === value) control.checked = true;
      }
    }
    delete list.dataset.moved;
  }
  document.addEventListener("focusout", (event) => {
    if (event.target.id === "q") settle(true);
  });
  document.addEventListener("htmx:afterSettle", () => settle(false));
  document.addEventListener("htmx:configRequest", (event) => {
    const box = document.getElementById("q");
    const { moved } = document.getElementById("list")?.dataset || {};
    if (!moved || document.activeElement !== box || event.detail.elt !== box.form) return;
    const form = event.detail.formData;
    for (const [name, value] of new URLSearchParams(moved)) {
      const others = form.getAll(name).filter((each) => each !== value);
      form.delete(name);
      for (const each of others) form.append(name, each);
    }
  });
  // a link that swapped itself away leaves the keyboard at the list it made
  document.addEventListener("htmx:afterSettle", () => {
    if (document.activeElement === document.body && document.body.dataset.followed) document.getElementById("list").focus();
    delete document.body.dataset.followed;
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("#list a, #list a *")) document.body.dataset.followed = "yes";
  });
  if (narrow.matches) {
    const panel = document.getElementById("filters-panel");
    if (panel) panel.open = false;
  }
})();
