/** Properties of an attachment that are known before it is loaded. Pure. */

import type { Media } from "chatserver-client";
import { say } from "../strings.js";
import { lastPart } from "./address.js";
import { safeHref } from "../text/links.js";

const KINDS = ["image", "video", "audio", "file"] as const;
type Kind = (typeof KINDS)[number];

/** Aspect ratios beyond these are cropped. */
const NARROWEST = 0.5;
const WIDEST = 2.5;
const USUAL = 4 / 3;

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

export function kindOf({ type }: Media): Kind {
  return KINDS.find((kind) => kind === type) ?? "file";
}

/** Returns the address of an attachment if it is safe to open. */
export function hrefOf({ url }: Media): string | undefined {
  return URL.canParse(url, location.href) ? safeHref(new URL(url, location.href).href) : undefined;
}

/** Whether the page's policy allows to show it: pictures from other sites need HTTPS. */
export function isShown(media: Media): boolean {
  const href = hrefOf(media);
  return href !== undefined && (href.startsWith("https:") || new URL(href).origin === location.origin);
}

/** Returns its name, or else the last part of its address, or else its kind. */
export function nameOf(media: Media): string {
  return media.name || lastPart(media.url) || say.actions.media[kindOf(media)]!;
}

/** Returns width divided by height, so that nothing moves when the picture loads. */
export function ratioOf({ width = 0, height = 0 }: Media): number {
  if (width <= 0 || height <= 0) return USUAL;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

export function sizeOf(bytes: number): string {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const options = { style: "unit", unit: UNITS[step]!, unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat("en", options).format(bytes / 1000 ** step);
}
