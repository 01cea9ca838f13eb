/** Copies a text, even on pages without a clipboard API: those loaded neither over TLS nor from localhost. */

export async function copyText(text: string): Promise<void> {
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (clipboard !== undefined) return clipboard.writeText(text);
  const take = (event: ClipboardEvent): void => {
    event.preventDefault();
    // The listener that formats copied messages must not run.
    event.stopImmediatePropagation();
    event.clipboardData?.setData("text/plain", text);
  };
  addEventListener("copy", take, { capture: true, once: true });
  const isCopied = document.execCommand("copy");
  removeEventListener("copy", take, { capture: true });
  if (!isCopied) throw new Error("The browser did not copy");
}
