/**
 * Replaces Vite's helper for dynamic imports. Its own also handles nonces, rendering on a server and old browsers, none
 * of which these pages have, and is three times as long.
 */

import type { Plugin } from "vite";

const HELPER = "\0vite/preload-helper.js";

/** Loads the files that a module needs, styles before it is run, and then the module. */
const SHORT = `
const loaded = {};
function load(path) {
  if (document.querySelector(\`link[href="/\${path}"]\`)) return;
  const link = document.createElement("link");
  const isStyle = path.endsWith(".css");
  link.rel = isStyle ? "stylesheet" : "modulepreload";
  link.crossOrigin = "";
  const done = isStyle && new Promise((resolve, reject) => {
    link.onload = resolve;
    link.onerror = () => {
      delete loaded[path];
      reject(new Error(path));
    };
  });
  link.href = "/" + path;
  document.head.append(link);
  return done;
}
export const __vitePreload = (run, paths = []) => Promise.all(paths.map((path) => loaded[path] ??= load(path))).then(run);
`;

export function preload(): Plugin {
  return {
    name: "short-preload-helper",
    apply: "build",
    enforce: "pre",
    load: (id) => (id === HELPER ? SHORT : undefined),
  };
}
