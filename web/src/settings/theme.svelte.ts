/** The theme on this device: light, dark, or the system's. Stored here and sent nowhere. */

const KEY = "chatserver.look";

export type Theme = "system" | "light" | "dark";

class ThemeSetting {
  theme = $state<Theme>(stored());
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");

  /** Applies the theme, and follows changes of the system's. */
  apply(): void {
    this.#dark.addEventListener("change", () => this.#show());
    this.#show();
  }

  choose(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(KEY, theme);
    this.#show();
  }

  #show(): void {
    const isDark = this.theme === "dark" || (this.theme === "system" && this.#dark.matches);
    document.documentElement.dataset["theme"] = isDark ? "dark" : "light";
  }
}

function stored(): Theme {
  const found = localStorage.getItem(KEY);
  return found === "light" || found === "dark" ? found : "system";
}

export const themeSetting = new ThemeSetting();
