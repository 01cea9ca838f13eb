/** Applies the page's theme or the system's. Stores nothing. */

import type { Theme } from "../messages.js";

const dark = matchMedia("(prefers-color-scheme: dark)");
let wanted: Theme = "system";

export function showTheme(theme: Theme = wanted): void {
  wanted = theme;
  const isDark = theme === "dark" || (theme === "system" && dark.matches);
  document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
}

dark.addEventListener("change", () => showTheme());
