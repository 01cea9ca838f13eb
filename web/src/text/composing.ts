/** Whether a key writes Chinese, Japanese or Korean: then it is none of ours. */

/** What Safari has for the key that ends it, which it no longer counts to it. */
const OF_COMPOSING = 229;

export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === OF_COMPOSING;
}
