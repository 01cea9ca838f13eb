/** Builds the widget's script: one file with a fixed name, which other sites load as it is. */

import { defineConfig } from "vite";

export default defineConfig({
  // The client's own build has copied these.
  publicDir: false,
  build: {
    target: "es2022",
    emptyOutDir: false,
    lib: { entry: "src/widget/script.ts", formats: ["iife"], name: "ChatServerWidget", fileName: () => "widget.js" },
  },
});
