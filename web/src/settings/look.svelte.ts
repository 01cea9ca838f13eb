/** How the client looks on this device: light, dark, or as the system does. Kept here and told to nobody. */

const KEY = "chatserver.look";

export type Theme = "system" | "light" | "dark";

class Look {
  theme = $state<Theme>(stored());
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");

  /** Shows it from now on, and whenever the system changes its own. */
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

export const look = new Look();
