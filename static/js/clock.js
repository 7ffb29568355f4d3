// Times that pass while a page is open: <time data-ago> and <time data-due> are told relative to now, [data-since] holds
// when something began that still runs. By the portal's clock, which `data-now` of the page tells; in the words of
// portal.web.formatting. Pages of a past time have none of them.
(() => {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const ahead = Date.parse(document.documentElement.dataset.now) - Date.now();
  const JUST_NOW = 5;

  function duration(seconds) {
    const at = units.findIndex(([, size]) => seconds >= size);
    if (at < 0) return "0 s";
    const [unit, size] = units[at];
    const [lower, lowerSize] = units[at + 1] || ["", 1];
    const rest = lower ? Math.floor((seconds % size) / lowerSize) : 0;
    return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${lower}` : ""}`;
  }

  function oneUnit(seconds) {
    const [unit, size] = units.find(([, each]) => seconds >= each);
    return `${Math.floor(seconds / size)} ${unit}`;
  }

  const words = {
    since: (age) => duration(Math.max(age, 0)),
    ago: (age) => (age < JUST_NOW ? "just now" : `${oneUnit(age)} ago`),
    due: (age) => (-age >= JUST_NOW ? `in ${oneUnit(-age)}` : words.ago(age)),
  };

  function tick() {
    if (document.hidden) return;
    const now = Date.now() + ahead;
    for (const [name, tell] of Object.entries(words)) {
      for (const element of document.querySelectorAll(`[data-${name}]`)) {
        const text = tell((now - Date.parse(element.dataset[name] || element.dateTime)) / 1000);
        if (element.textContent !== text) element.textContent = text;
      }
    }
  }

  // A reader who wants it sees the time of their own zone beside UTC, in the tooltip: [data-local-times] turns it on.
  const KEY = "portal-local-times";
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const local = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
  let isLocal = false;
  try { isLocal = localStorage.getItem(KEY) === "yes"; } catch { /* private mode: this page only */ }

  function tellLocally({ target }) {
    const element = target instanceof Element && target.closest("time[datetime]");
    if (!element) return;
    element.dataset.utc ??= element.title;
    const words = isLocal ? `${local.format(Date.parse(element.dateTime))} ${timeZone}` : "";
    const title = [element.dataset.utc, words].filter(Boolean).join("\n");
    if (element.title !== title) element.title = title;
  }

  function showSetting() {
    for (const button of document.querySelectorAll("[data-local-times]")) {
      button.hidden = false;
      button.setAttribute("aria-pressed", isLocal);
    }
  }

  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element && target.closest("[data-local-times]"))) return;
    isLocal = !isLocal;
    try { localStorage.setItem(KEY, isLocal ? "yes" : "no"); } catch { /* as above */ }
    showSetting();
  });
  document.addEventListener("pointerover", tellLocally);
  document.addEventListener("focusin", tellLocally);
  document.addEventListener("DOMContentLoaded", showSetting);
  showSetting();

  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
})();
