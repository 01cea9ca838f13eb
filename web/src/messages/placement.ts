/** Places a floating element next to its anchor, and always within the window. */

const GAP = 4;
const EDGE = 8;

export function placeNextTo(anchor: Element, floating: HTMLElement): void {
  const at = anchor.getBoundingClientRect();
  const { width, height } = floating.getBoundingClientRect();
  const hasRoomAbove = at.top - height - GAP >= EDGE;
  const top = hasRoomAbove ? at.top - height - GAP : at.bottom + GAP;
  const left = at.left + at.width / 2 - width / 2;
  floating.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`;
  floating.style.top = `${Math.max(EDGE, Math.min(top, innerHeight - height - EDGE))}px`;
}
