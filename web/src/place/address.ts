/** Syncs the place with the page's URL, so that links, reloads and the back button work. */

import type { Place, Target } from "./place.svelte.js";

const CONVERSATION = /^#\/c\/(\d+)(?:\/m\/(\d+))?$/;
const USER = /^#\/u\/(\d+)$/;

/** Returns the URL of a message, for others to open in the client. */
export function linkTo(conversation: number, message: number): string {
  return `${location.origin}/#/c/${conversation}/m/${message}`;
}

/** Returns the URL fragment of a place. */
export function addressOf({ target }: { target: Target | undefined }): string {
  if (target === undefined) return "#/";
  return "conversation" in target ? `#/c/${target.conversation}` : `#/u/${target.user}`;
}

/** Whether an address names the same place. History must not keep both, because going back would change nothing. */
export function isSamePlace(place: string, address: string): boolean {
  return address === "" ? place === "#/" : address.startsWith(`${place}/m/`);
}

/** Opens a target in a new tab if it was clicked like a link for that. Returns whether it was. */
export function openedInNewTab({ button, ctrlKey, metaKey }: MouseEvent, target: Target): boolean {
  const isNewTab = button === 1 || (button === 0 && (ctrlKey || metaKey));
  if (isNewTab) open(addressOf({ target }), "_blank", "noopener");
  return isNewTab;
}

/** Opens the place that an address names. */
export function goTo(place: Place, address: string): void {
  const [, conversation, message] = CONVERSATION.exec(address) ?? [];
  const [, user] = USER.exec(address) ?? [];
  if (conversation !== undefined && message !== undefined) place.show(Number(conversation), Number(message));
  else if (conversation !== undefined) place.open({ conversation: Number(conversation) });
  else if (user !== undefined) place.open({ user: Number(user) });
  else place.open(undefined);
}

/** Follows the URL. Returns a function that stops it. Used in an effect together with `addressOf`. */
export function followUrl(place: Place): () => void {
  const moved = (): void => {
    if (location.hash !== addressOf(place)) goTo(place, location.hash);
  };
  moved();
  addEventListener("hashchange", moved);
  return () => removeEventListener("hashchange", moved);
}
