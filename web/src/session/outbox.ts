/**
 * Where messages that wait to be sent outlive the page. Each tab has a place of its own, and takes over what tabs that are
 * gone have left behind.
 */

import type { OutboxStorage } from "chatserver-client";

const PREFIX = "chatserver.outbox.";
const TAB = "chatserver.tab";
/** A page that is loaded again may have to wait for its former self to let go. */
const PATIENCE_MS = 500;

interface Saved {
  user_id: number;
  ops: unknown[];
}

export function outboxOfThisTab(username: string): OutboxStorage {
  const prefix = `${PREFIX}${username}.`;
  let own = prefix + tabId();
  return {
    get: async () => {
      // A tab that was duplicated has its twin's name.
      if (!(await hold(own))) {
        own = prefix + tabId(true);
        await hold(own);
      }
      await adopt(prefix, own);
      return localStorage.getItem(own);
    },
    set: (_, text) => localStorage.setItem(own, text),
  };
}

/** Stays the same when the page is loaded again. */
function tabId(isNew = false): string {
  const id = (isNew ? null : sessionStorage.getItem(TAB)) ?? Math.random().toString(36).slice(2);
  sessionStorage.setItem(TAB, id);
  return id;
}

/** Says to the other tabs that this one lives, for as long as the page is there; `false` if another one has the name. */
function hold(name: string): Promise<boolean> {
  // Only pages that came by TLS or from this machine have locks.
  if (navigator.locks === undefined) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = (): Promise<void> => {
      resolve(true);
      return new Promise(() => undefined);
    };
    navigator.locks.request(name, { signal: AbortSignal.timeout(PATIENCE_MS) }, held).catch(() => resolve(false));
  });
}

/** Puts what the tabs that are gone have left into our own place. */
async function adopt(prefix: string, own: string): Promise<void> {
  if (navigator.locks === undefined) return;
  const { held = [] } = await navigator.locks.query();
  const living = new Set(held.map(({ name }) => name));
  const left = Object.keys(localStorage).filter((key) => key.startsWith(prefix) && key !== own && !living.has(key));
  for (const key of left) {
    localStorage.setItem(own, merged(localStorage.getItem(own), localStorage.getItem(key) ?? ""));
    localStorage.removeItem(key);
  }
}

function merged(ours: string | null, theirs: string): string {
  const [a, b] = [parsed(ours), parsed(theirs)];
  return JSON.stringify({ user_id: a.user_id || b.user_id, ops: [...b.ops, ...a.ops] });
}

function parsed(text: string | null): Saved {
  try {
    const { user_id = 0, ops = [] } = JSON.parse(text ?? "{}") as Partial<Saved>;
    return { user_id, ops };
  } catch {
    return { user_id: 0, ops: [] };
  }
}
