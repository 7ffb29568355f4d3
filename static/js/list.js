// The list of environments, and its audits: news waits while the reader is busy, and filters stay folded as they were left.
(() => {
  const folded = new Map();
  const narrow = window.matchMedia("(max-width: 62rem)");

  function busy() {
    const selection = window.getSelection();
    const list = document.getElementById("list");
    if (document.querySelector(".aud-facets[open]")) return true;
    if (selection && !selection.isCollapsed && list && list.contains(selection.anchorNode)) return true;
    return document.activeElement !== null && document.activeElement.matches(".facet-find") && document.activeElement.value !== "";
  }

  function fold() {
    for (const [id, open] of folded) {
      const element = document.getElementById(id);
      if (element) element.open = open;
    }
  }

  document.addEventListener("htmx:beforeSwap", (event) => {
    const source = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (source && source.matches("[data-quiet]") && busy()) event.detail.shouldSwap = false;
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches && event.target.matches("#filters-panel, .facet")) folded.set(event.target.id, event.target.open);
  }, true);
  document.addEventListener("htmx:afterSwap", fold);
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
