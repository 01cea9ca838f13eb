/** Whether a key belongs to an input method, such as for Chinese, Japanese or Korean; the client must not handle it. */

/** Safari's key code for the key that ends a composition, for which it no longer sets `isComposing`. */
const COMPOSING_KEY_CODE = 229;

export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === COMPOSING_KEY_CODE;
}
