/** @type {import("@sveltejs/vite-plugin-svelte").SvelteConfig} */
export default {
  compilerOptions: {
    runes: true,
    discloseVersion: false,
    // Enough to keep a hundred components apart; a component's hash may occur a hundred times.
    cssHash: ({ hash, css }) => `s${hash(css).slice(-5)}`,
  },
};
