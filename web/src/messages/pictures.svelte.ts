/**
 * Decides which pictures may be loaded. A site that serves a picture learns the IP address of everybody who loads it,
 * so pictures of other sites wait until the user asks for them. A request holds as long as the page.
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
