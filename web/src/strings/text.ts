/** What stands beside what people wrote. */

export const text = {
  copy: "Copy",
  copied: "Copied",
  copyCode: "Copy this code",
};
