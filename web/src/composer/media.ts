/** Attachments by address. Their kind follows from the file extension unless the user chooses one. Pure. */

import type { Media } from "chatserver-client";

export const KINDS = ["image", "video", "audio", "file"] as const;
export type Kind = (typeof KINDS)[number];

const EXTENSIONS: Record<string, Kind> = {
  ...extensions("image", "apng avif gif jpeg jpg png svg webp"),
  ...extensions("video", "m4v mkv mov mp4 ogv webm"),
  ...extensions("audio", "aac flac m4a mp3 oga ogg opus wav"),
};

function extensions(kind: Kind, names: string): Record<string, Kind> {
  return Object.fromEntries(names.split(" ").map((one) => [one, kind]));
}

/** Returns the URL if others can open it. */
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
  return EXTENSIONS[/\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ""] ?? "file";
}

export function mediaOf(address: string, name: string, kind?: Kind): Media | undefined {
  const url = addressOf(address);
  if (url === undefined) return undefined;
  const given = name.trim();
  return { url: url.href, type: kind ?? kindOf(address), ...(given === "" ? {} : { name: given }) };
}

/** Returns a short name for narrow places. */
export function shortName({ name, url }: Media): string {
  const last = url.split(/[?#]/)[0]?.split("/").filter(Boolean).at(-1);
  return name ?? last ?? url;
}
