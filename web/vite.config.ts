/**
 * Builds the client, and the worker that caches it. The widget's window and its script have builds of their own.
 */

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { emoji } from "./scripts/emoji.ts";
import { icons } from "./scripts/icons.ts";
import { preload } from "./scripts/preload.ts";
import { worker } from "./scripts/worker.ts";

const server = process.env["CHATSERVER_URL"] ?? "http://127.0.0.1:8080";

/** The plugins that all sources need, whichever page they are for. */
export const plugins = [svelte(), emoji(), icons(), preload()];

export default defineConfig({
  plugins: [...plugins, worker()],
  build: {
    target: "es2022",
    // Every asset is a file of its own: the page's policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/v1": server,
      "/ping": server,
      "/client.json": server,
      "/docs": server,
      "/openapi.json": server,
      "/ws": { target: server, ws: true },
    },
  },
});
