/** Texts within rendered messages. */

export const text = {
  copy: "Copy",
  copied: "Copied",
  copyCode: "Copy this code",
};
