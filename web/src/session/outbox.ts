/**
 * Stores unsent messages in the browser. Each tab has a key of its own, and takes over what closed tabs have left.
 */

import type { OutboxStorage } from "chatserver-client";

const PREFIX = "chatserver.outbox.";
const TAB = "chatserver.tab";
/** Longest wait of a reloaded page for the lock of its predecessor. */
const TIMEOUT_MS = 500;

interface Saved {
  user_id: number;
  ops: unknown[];
}

export function outboxOfThisTab(username: string): OutboxStorage {
  const prefix = `${PREFIX}${username}.`;
  let own = prefix + tabId();
  return {
    get: async () => {
      // A duplicated tab has copied the id of the original.
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

/** Returns the tab's id, which survives reloads. */
function tabId(isNew = false): string {
  const id = (isNew ? null : sessionStorage.getItem(TAB)) ?? Math.random().toString(36).slice(2);
  sessionStorage.setItem(TAB, id);
  return id;
}

/** Holds a lock for as long as the page exists. Returns `false` if another tab has it. */
function hold(name: string): Promise<boolean> {
  // Locks exist only on pages loaded over TLS or from localhost.
  if (navigator.locks === undefined) return Promise.resolve(true);
  return new Promise((resolve) => {
    const held = (): Promise<void> => {
      resolve(true);
      return new Promise(() => undefined);
    };
    navigator.locks.request(name, { signal: AbortSignal.timeout(TIMEOUT_MS) }, held).catch(() => resolve(false));
  });
}

/** Moves the messages of closed tabs into this tab's outbox. */
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
