// The palette: the box at the top finds anything by name or id. Ctrl+K or "/" goes to it, arrows choose, Enter opens;
// "f" goes to the list's own filter, "?" shows the keys. Without scripts the box is a form that leads to /find/.
(() => {
  const box = document.getElementById("search");
  const keys = document.getElementById("keys");
  const RECENT = "portal-recent";
  const MOST_RECENT = 8;

  // --- pages of one thing that were opened last, in this browser; a signed-out page forgets them
  const recent = () => {
    try {
      return JSON.parse(localStorage.getItem(RECENT)) || [];
    } catch {
      return [];
    }
  };
  if (!document.body.hasAttribute("hx-headers")) localStorage.removeItem(RECENT); // nobody is signed in
  if (!box) return;
  if (/\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\/$/.test(location.pathname) && document.querySelector("main h1")) {
    const here = { url: location.pathname, label: document.querySelector("main h1").innerText.trim() };
    const others = recent().filter((each) => each.url !== here.url);
    localStorage.setItem(RECENT, JSON.stringify([here, ...others].slice(0, MOST_RECENT)));
  }

  const form = box.form;
  const panel = document.getElementById("found");
  const links = () => [...panel.querySelectorAll("a.found-link")];
  const typed = () => box.value.trim().replace(/\s+/g, " ");
  const isCurrent = () => panel.querySelector("[data-found]")?.dataset.found === typed();
  let opening = false; // Enter was pressed before the results were there

  function showRecent() {
    panel.querySelector(".found-recent")?.remove();
    const visited = recent().filter((each) => each.url !== location.pathname);
    const results = panel.querySelector(".found");
    if (typed() || !results || !visited.length) return;
    const section = document.createElement("section");
    section.className = "found-kind found-recent";
    section.setAttribute("aria-label", "Recent");
    const title = document.createElement("h2");
    title.className = "found-title";
    title.textContent = "Recent";
    const list = document.createElement("ul");
    list.className = "found-list";
    for (const each of visited) {
      const link = document.createElement("a");
      link.className = "found-link";
      link.href = each.url;
      link.textContent = each.label;
      list.append(document.createElement("li"));
      list.lastChild.append(link);
    }
    section.append(title, list);
    results.prepend(section);
  }

  panel.addEventListener("htmx:afterSwap", () => {
    showRecent();
    if (opening && isCurrent()) open();
  });

  function open() {
    opening = false;
    links()[0]?.click();
  }

  function move(step) {
    const all = links();
    const next = all.indexOf(document.activeElement) + step;
    (next < 0 ? box : all[Math.min(next, all.length - 1)] || box).focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (isCurrent()) open();
    else opening = true;
  });
  box.addEventListener("input", () => { opening = false; });
  form.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      document.activeElement.blur();
    }
  });

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") return go(event, box);
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (event.key === "/") go(event, box);
    if (event.key === "f") go(event, document.querySelector("[data-search]"));
    if (event.key === "?" && keys) {
      event.preventDefault();
      keys.showModal();
    }
  });

  function go(event, field) {
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  }
})();
