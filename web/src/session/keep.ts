/** What outlives a reload: who is signed in. And how it is forgotten, to the last trace. */

const PREFIX = "chatserver.";
const SESSION = `${PREFIX}session`;

export interface Kept {
  token: string;
  username: string;
}

/** Who signed in here before, if anybody did. */
export function kept(): Kept | undefined {
  try {
    const found = JSON.parse(localStorage.getItem(SESSION) ?? "null") as Partial<Kept> | null;
    const { token, username } = found ?? {};
    return typeof token === "string" && typeof username === "string" ? { token, username } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether another tab tells so that somebody has signed in or out there. */
export function isOfSession({ key, storageArea }: StorageEvent): boolean {
  return storageArea === localStorage && (key === SESSION || key === null);
}

export function keep(session: Kept): void {
  localStorage.setItem(SESSION, JSON.stringify(session));
}

/** Leaves nothing behind but how the client is to look. */
export function forget(): void {
  for (const storage of [localStorage, sessionStorage]) {
    const ours = Object.keys(storage).filter((key) => key.startsWith(PREFIX) && key !== `${PREFIX}look`);
    for (const key of ours) storage.removeItem(key);
  }
}
