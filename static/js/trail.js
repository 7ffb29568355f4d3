// The way back: the breadcrumb of a page that was opened from a list leads to that list as it was, filters and all, and
// beside it are the row before and the row after. The list that was left last is remembered in this browser.
(() => {
  const KEY = "portal-trail";

  if (!document.body.hasAttribute("hx-headers")) localStorage.removeItem(KEY); // nobody is signed in

  const leadsAway = (link) => link.pathname !== location.pathname && !link.search && !link.hash;
  const rowLinks = () => [...document.querySelectorAll("#list tbody tr")]
    .map((row) => [...row.querySelectorAll("a[href]")].find(leadsAway))
    .filter(Boolean);

  function remember(event) {
    if (!event.target.closest("#list tbody a[href]")) return;
    const page = (name) => document.getElementById(`${name}-page`)?.href || "";
    const trail = {
      url: location.pathname + location.search,
      title: document.querySelector("main h1")?.textContent.trim() || "List",
      rows: rowLinks().map((link) => [link.pathname, link.textContent.trim()]),
      previous: page("previous"),
      next: page("next"),
    };
    localStorage.setItem(KEY, JSON.stringify(trail));
  }
  document.addEventListener("click", remember, true);
  document.addEventListener("auxclick", remember, true);

  const crumbs = document.querySelector(".crumbs");
  let trail = null;
  try {
    trail = JSON.parse(localStorage.getItem(KEY));
  } catch {
    // what is not ours is no trail
  }
  const at = crumbs && trail ? trail.rows.findIndex(([path]) => location.pathname.startsWith(path)) : -1;
  if (at < 0) return;

  const [path] = trail.rows[at];
  const tab = location.pathname.slice(path.length);
  const back = [...crumbs.querySelectorAll(".crumb")].pop();
  back.href = trail.url;
  back.textContent = trail.title;
  const step = (rel, sign, row, page) => {
    if (!row && !page) return [];
    const link = document.createElement("a");
    Object.assign(link, { className: "crumb", rel, textContent: sign });
    link.href = row ? row[0] + (/^[a-z]+\/$/.test(tab) ? tab : "") : page;
    const name = row ? `${rel === "prev" ? "Previous" : "Next"}: ${row[1]}` : `${rel === "prev" ? "Previous" : "Next"} page of the list`;
    link.title = name;
    link.setAttribute("aria-label", name);
    return [link];
  };
  const place = document.createElement("span");
  place.textContent = `${at + 1} of ${trail.rows.length}${trail.next || trail.previous ? " on its page" : ""}`;
  const steps = document.createElement("span");
  steps.className = "crumb-steps";
  steps.append(...step("prev", "←", trail.rows[at - 1], trail.previous), place, ...step("next", "→", trail.rows[at + 1], trail.next));
  crumbs.append(steps);
})();
