/** How the widget's script is built: one file of an unchanging name, which other pages load as it is. */

import { defineConfig } from "vite";

export default defineConfig({
  // The client's own build has laid these out.
  publicDir: false,
  build: {
    target: "es2022",
    emptyOutDir: false,
    lib: { entry: "src/widget/script.ts", formats: ["iife"], name: "ChatServerWidget", fileName: () => "widget.js" },
  },
});
