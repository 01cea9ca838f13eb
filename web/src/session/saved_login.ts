/** Stores the login across reloads, and removes everything that the client has stored. */

const PREFIX = "chatserver.";
const SESSION = `${PREFIX}session`;

export interface SavedLogin {
  token: string;
  username: string;
}

/** Returns the stored login, if there is one. */
export function savedLogin(): SavedLogin | undefined {
  try {
    const found = JSON.parse(localStorage.getItem(SESSION) ?? "null") as Partial<SavedLogin> | null;
    const { token, username } = found ?? {};
    return typeof token === "string" && typeof username === "string" ? { token, username } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether an event reports a sign-in or sign-out in another tab. */
export function isLoginChange({ key, storageArea }: StorageEvent): boolean {
  return storageArea === localStorage && (key === SESSION || key === null);
}

export function saveLogin(session: SavedLogin): void {
  localStorage.setItem(SESSION, JSON.stringify(session));
}

/** Removes everything that the client has stored, except the theme. */
export function clearStorage(): void {
  for (const storage of [localStorage, sessionStorage]) {
    const ours = Object.keys(storage).filter((key) => key.startsWith(PREFIX) && key !== `${PREFIX}look`);
    for (const key of ours) storage.removeItem(key);
  }
}
