/** The parts by name. Exported one by one, so that a page loads only those that it uses. */

export { actions } from "./actions.js";
export { aids } from "./aids.js";
export { composer } from "./composer.js";
export { conversations } from "./conversations.js";
export { dates } from "./dates.js";
export { design } from "./design.js";
export { details } from "./details.js";
export { front } from "./front.js";
export { messages } from "./messages.js";
export { panel } from "./panel.js";
export { settings } from "./settings.js";
export { shortcuts } from "./shortcuts.js";
export { text } from "./text.js";
export { widget } from "./widget.js";
export { window } from "./window.js";
export { workspace } from "./workspace.js";
