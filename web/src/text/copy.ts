/** Copies a text, also where the browser has no clipboard for pages: those that came neither by TLS nor from this machine. */

export async function copyText(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard !== undefined) return clipboard.writeText(text);
  const take = (event: ClipboardEvent): void => {
    event.preventDefault();
    // What listens for what is copied from messages is not asked.
    event.stopImmediatePropagation();
    event.clipboardData?.setData("text/plain", text);
  };
  addEventListener("copy", take, { capture: true, once: true });
  const isCopied = document.execCommand("copy");
  removeEventListener("copy", take, { capture: true });
  if (!isCopied) throw new Error("The browser did not copy");
}
