/**
 * How the widget's window is built: on its own, since nobody loads it and the client, so that nothing comes along that only the
 * client needs.
 */

import { defineConfig } from "vite";
import client, { plugins } from "./vite.config.ts";

export default defineConfig({
  plugins,
  // The client's own build has laid these out.
  publicDir: false,
  build: { ...client.build, emptyOutDir: false, rollupOptions: { input: "embed.html" } },
});
