// Charts: what is pointed at or focused is read out above the columns; the arrow keys, Home and End move along them.
// Each column is a link to its list, where there is one. Without any of it the table below has every value.
(() => {
  const pointOf = (target) => (target instanceof Element ? target.closest(".chart-point") : null);
  const readOf = (point) => point.closest(".chart")?.querySelector("[data-chart-read]");

  function tell({ target }) {
    const point = pointOf(target);
    const read = point && readOf(point);
    if (!read) return;
    read.dataset.summary ??= read.textContent;
    read.textContent = point.getAttribute("aria-label");
    read.classList.add("chart-reads");
  }

  function forget({ target, relatedTarget }) {
    const point = pointOf(target);
    const read = point && readOf(point);
    if (!read || read.dataset.summary === undefined || pointOf(relatedTarget)?.closest(".chart") === point.closest(".chart")) return;
    const focused = point.closest(".chart").querySelector(".chart-point:focus");
    read.textContent = focused ? focused.getAttribute("aria-label") : read.dataset.summary;
    read.classList.toggle("chart-reads", Boolean(focused));
  }

  document.addEventListener("pointerover", tell);
  document.addEventListener("focusin", tell);
  document.addEventListener("pointerout", forget);
  document.addEventListener("focusout", forget);

  document.addEventListener("keydown", (event) => {
    const point = pointOf(event.target);
    if (!point || event.altKey || event.ctrlKey || event.metaKey) return;
    const points = [...point.parentNode.querySelectorAll(".chart-point")];
    const at = points.indexOf(point);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = points[Math.min(Math.max(to, 0), points.length - 1)];
    point.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
})();
