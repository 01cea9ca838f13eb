/**
 * Builds the widget's window separately, because no page loads both it and the client. So it contains nothing that
 * only the client needs.
 */

import { defineConfig } from "vite";
import client, { plugins } from "./vite.config.ts";

export default defineConfig({
  plugins,
  // The client's own build has copied these.
  publicDir: false,
  build: { ...client.build, emptyOutDir: false, rollupOptions: { input: "embed.html" } },
});
