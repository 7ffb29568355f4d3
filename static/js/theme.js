// Runs before the first paint, so that a dark page never flashes white: a saved choice, else the system's.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const saved = () => {
    try { return localStorage.getItem("portal-theme") || "auto"; } catch { return "auto"; }
  };
  const apply = () => {
    const choice = saved();
    const dark = choice === "dark" || (choice === "auto" && system.matches);
    document.documentElement.dataset.bsTheme = dark ? "dark" : "light";
    document.documentElement.dataset.themeChoice = choice;
  };
  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  window.portalTheme = {
    choice: saved,
    choose(value) {
      try { localStorage.setItem("portal-theme", value); } catch { /* private mode: this page only */ }
      apply();
    },
  };
})();
