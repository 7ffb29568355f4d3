// Durations of what still runs count on: [data-since] holds when it began. As portal.web.formatting.duration_words.
(() => {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  function words(seconds) {
    for (let at = 0; at < units.length - 1; at += 1) {
      const [unit, size] = units[at];
      const [lower, lowerSize] = units[at + 1];
      if (seconds >= size) {
        const rest = Math.floor((seconds % size) / lowerSize);
        return `${Math.floor(seconds / size)} ${unit}${rest ? ` ${rest} ${lower}` : ""}`;
      }
    }
    return `${Math.floor(seconds)} s`;
  }

  setInterval(() => {
    if (document.hidden) return;
    for (const element of document.querySelectorAll("[data-since]")) {
      const text = words(Math.max(0, (Date.now() - Date.parse(element.dataset.since)) / 1000));
      if (element.textContent !== text) element.textContent = text;
    }
  }, 1000);
})();
