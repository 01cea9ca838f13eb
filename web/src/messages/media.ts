/** What is known of an attachment before it has come. Pure. */

import type { Media } from "chatserver-client";
import { say } from "../strings.js";
import { lastPart } from "./address.js";
import { safeHref } from "../text/links.js";

const KINDS = ["image", "video", "audio", "file"] as const;
type Kind = (typeof KINDS)[number];

/** Narrower or wider ones are cut. */
const NARROWEST = 0.5;
const WIDEST = 2.5;
const USUAL = 4 / 3;

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;

export function kindOf({ type }: Media): Kind {
  return KINDS.find((kind) => kind === type) ?? "file";
}

/** Where it is, if one may go there. */
export function hrefOf({ url }: Media): string | undefined {
  return URL.canParse(url, location.href) ? safeHref(new URL(url, location.href).href) : undefined;
}

/** Whether the page's policy lets it be shown here: pictures of anywhere else come encrypted. */
export function isShown(media: Media): boolean {
  const href = hrefOf(media);
  return href !== undefined && (href.startsWith("https:") || new URL(href).origin === location.origin);
}

/** Its name, else the last part of where it is, else what it is. */
export function nameOf(media: Media): string {
  return media.name || lastPart(media.url) || say.actions.media[kindOf(media)]!;
}

/** Width by height, so that nothing moves when it comes. */
export function ratioOf({ width = 0, height = 0 }: Media): number {
  if (width <= 0 || height <= 0) return USUAL;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

export function sizeOf(bytes: number): string {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const options = { style: "unit", unit: UNITS[step]!, unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat("en", options).format(bytes / 1000 ** step);
}
