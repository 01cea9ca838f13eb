/** Keeps a place and the page's address in step, so that links, reloads and the back button work. */

import type { Place, Target } from "./place.svelte.js";

const CONVERSATION = /^#\/c\/(\d+)(?:\/m\/(\d+))?$/;
const USER = /^#\/u\/(\d+)$/;

/** The address of a message, for others to open in the client. */
export function linkTo(conversation: number, message: number): string {
  return `${location.origin}/#/c/${conversation}/m/${message}`;
}

/** What the address of a place is, after the `#`. */
export function addressOf({ target }: { target: Target | undefined }): string {
  if (target === undefined) return "#/";
  return "conversation" in target ? `#/c/${target.conversation}` : `#/u/${target.user}`;
}

/** Whether an address is but another one of the same place: then the way back must not stop at it, it would lead nowhere. */
export function leadsTo(place: string, address: string): boolean {
  return address === "" ? place === "#/" : address.startsWith(`${place}/m/`);
}

/** Opens a place in another tab, if it was pressed as links are for that; says whether it was. */
export function openedAside({ button, ctrlKey, metaKey }: MouseEvent, target: Target): boolean {
  const isAside = button === 1 || (button === 0 && (ctrlKey || metaKey));
  if (isAside) open(addressOf({ target }), "_blank", "noopener");
  return isAside;
}

/** Goes where an address says. */
export function follow(place: Place, address: string): void {
  const [, conversation, message] = CONVERSATION.exec(address) ?? [];
  const [, user] = USER.exec(address) ?? [];
  if (conversation !== undefined && message !== undefined) place.show(Number(conversation), Number(message));
  else if (conversation !== undefined) place.open({ conversation: Number(conversation) });
  else if (user !== undefined) place.open({ user: Number(user) });
  else place.open(undefined);
}

/** Follows the address until the function that comes back is called; to be used in an effect beside `addressOf`. */
export function keepInStep(place: Place): () => void {
  const moved = (): void => {
    if (location.hash !== addressOf(place)) follow(place, location.hash);
  };
  moved();
  addEventListener("hashchange", moved);
  return () => removeEventListener("hashchange", moved);
}
