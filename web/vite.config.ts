/**
 * How the client is built, and the widget's window: two pages, whose files are named by their contents, and the worker
 * that keeps the client. The widget's script has a file of its own.
 */

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { emoji } from "./scripts/emoji.ts";
import { worker } from "./scripts/worker.ts";

const server = process.env["CHATSERVER_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [svelte(), emoji(), worker()],
  build: {
    target: "es2022",
    // Everything comes from files of our own: the page's policy allows nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The client, and the widget's window.
    rollupOptions: { input: ["index.html", "embed.html"] },
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
