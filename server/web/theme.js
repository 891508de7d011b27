// Sets `data-theme` on the document before the first paint, from the kept choice or the system's.
// A classic script on purpose: a module would run after the page has flashed in the wrong colours.
(() => {
  const KEY = "pilotfish-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const kept = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is blocked: follow the system
    }
  };
  const apply = () => {
    document.documentElement.dataset.theme = kept() ?? (system.matches ? "dark" : "light");
  };
  // Choosing what the system says anyway means following the system again.
  const choose = (theme) => {
    try {
      if (theme === (system.matches ? "dark" : "light")) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // Not kept, still applied below.
    }
    document.documentElement.dataset.theme = theme;
  };
  system.addEventListener("change", apply);
  document.addEventListener("pilotfish-theme", () =>
    choose(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  );
  apply();
})();
