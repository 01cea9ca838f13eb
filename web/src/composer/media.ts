/** What is attached by its address: what it is, by the address's ending, unless it is said. Pure. */

import type { Media } from "chatserver-client";

export const KINDS = ["image", "video", "audio", "file"] as const;
export type Kind = (typeof KINDS)[number];

const ENDINGS: Record<string, Kind> = {
  ...ending("image", "apng avif gif jpeg jpg png svg webp"),
  ...ending("video", "m4v mkv mov mp4 ogv webm"),
  ...ending("audio", "aac flac m4a mp3 oga ogg opus wav"),
};

function ending(kind: Kind, endings: string): Record<string, Kind> {
  return Object.fromEntries(endings.split(" ").map((one) => [one, kind]));
}

/** The address, if it is one that others can open. */
function addressOf(text: string): URL | undefined {
  const url = parsed(text.trim());
  return url !== null && ["http:", "https:"].includes(url.protocol) ? url : undefined;
}

function parsed(text: string): URL | null {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

export function kindOf(address: string): Kind {
  const path = addressOf(address)?.pathname ?? "";
  return ENDINGS[/\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ""] ?? "file";
}

export function mediaOf(address: string, name: string, kind?: Kind): Media | undefined {
  const url = addressOf(address);
  if (url === undefined) return undefined;
  const given = name.trim();
  return { url: url.href, type: kind ?? kindOf(address), ...(given === "" ? {} : { name: given }) };
}

/** What it is called where there is little room. */
export function shortName({ name, url }: Media): string {
  const last = url.split(/[?#]/)[0]?.split("/").filter(Boolean).at(-1);
  return name ?? last ?? url;
}
