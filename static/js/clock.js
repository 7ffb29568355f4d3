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

  setInterval(tick, 1000);
  document.addEventListener("visibilitychange", tick);
})();
