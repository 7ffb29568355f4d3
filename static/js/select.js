// Selecting rows of a list. What is selected stays so while the list is swapped, sorted and paged; a click with Shift
// selects the rows between, "j" and "k" go from row to row, "x" selects. Without scripts the boxes and the buttons of
// the bar work as a plain form.
(() => {
  const selected = new Set();
  let all = false; // every row that matches, on this page or not
  let last = null;

  const bar = () => document.querySelector("[data-selection]");
  const boxes = () => [...document.querySelectorAll('#list input[form="chosen"][name="id"]')];
  const pageBox = () => document.querySelector("#list [data-select-page]");

  function show() {
    const form = bar();
    if (!form) return;
    for (const box of boxes()) {
      box.checked = all || selected.has(box.value);
      box.closest("tr").classList.toggle("list-selected", box.checked);
    }
    form.dataset.count = all ? "all" : selected.size;
    const elsewhere = [...selected].filter((id) => !boxes().some((box) => box.value === id));
    form.querySelectorAll("[data-elsewhere]").forEach((input) => input.remove());
    for (const id of elsewhere) {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name: "id", value: id });
      input.dataset.elsewhere = "";
      form.append(input);
    }
    const total = form.querySelector("[data-select-all]");
    const words = all ? total.textContent.replace("Select all", "All") : `${selected.size}`;
    const others = !all && elsewhere.length ? ` (${elsewhere.length} on other pages)` : "";
    form.querySelector("[data-selected]").textContent = `${words} selected${others}`;
    if (total) total.hidden = all;
    form.querySelector("[data-select-none]").hidden = false;
    const whole = pageBox();
    if (!whole) return;
    const ticked = boxes().filter((box) => box.checked).length;
    whole.hidden = false;
    whole.checked = ticked > 0 && ticked === boxes().length;
    whole.indeterminate = ticked > 0 && !whole.checked;
  }

  function set(box, value) {
    if (all) {
      all = false;
      for (const each of boxes()) selected.add(each.value);
    }
    if (value) selected.add(box.value);
    else selected.delete(box.value);
  }

  document.addEventListener("click", (event) => {
    const box = event.target.closest('input[form="chosen"][name="id"]');
    if (box) {
      const among = boxes();
      const [from, to] = [among.findIndex((each) => each.value === last), among.indexOf(box)].sort((a, b) => a - b);
      const range = event.shiftKey && from >= 0 ? among.slice(from, to + 1) : [box];
      for (const each of range) set(each, box.checked);
      last = box.value;
      show();
    } else if (event.target.closest("[data-select-page]")) {
      const value = pageBox().checked;
      for (const each of boxes()) set(each, value);
      show();
    } else if (event.target.closest("[data-select-all]")) {
      all = true;
      show();
    } else if (event.target.closest("[data-select-none]")) {
      all = false;
      selected.clear();
      show();
      document.getElementById("list").focus();
    }
  });

  // all that match are planned by the list's own query, however many there are
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-selection]");
    if (!form || !all || event.submitter?.name !== "action") return;
    event.preventDefault();
    const query = form.querySelector("[data-select-all]").dataset.selectAll;
    location.assign(`${form.dataset.selection}?${query}&action=${encodeURIComponent(event.submitter.value)}`);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !["j", "k", "x"].includes(event.key)) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
    const rows = [...document.querySelectorAll("#list tbody tr")].filter((row) => row.querySelector("a[href]"));
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement.closest("tr"));
    event.preventDefault();
    if (event.key === "x") rows[at]?.querySelector('input[form="chosen"]')?.click();
    else rows[Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), rows.length - 1)]
      .querySelector(".list-name a[href], a[href]").focus();
  });

  // other filters are another question: what was selected under the old ones is forgotten
  document.addEventListener("change", (event) => {
    if (event.target.closest("#facets")) all = false;
  });
  document.addEventListener("htmx:afterSettle", show);
  show();
})();
