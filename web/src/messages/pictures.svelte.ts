/**
 * Which pictures may be loaded. Whoever has a picture learns the address of everybody who loads it, so those of other
 * sites wait until somebody wants to see them; what was wanted once stays so for as long as the page is there.
 */

import { preferences } from "../settings/preferences.svelte.js";

export class Pictures {
  #wanted = $state.raw<readonly string[]>([]);

  mayLoad(href: string): boolean {
    return preferences.loadsPictures || new URL(href).origin === location.origin || this.#wanted.includes(href);
  }

  want(href: string): void {
    this.#wanted = [...this.#wanted, href];
  }
}
