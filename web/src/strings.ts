/** Every sentence of the client, one file for each part of it. Components hold none. */

import { composer } from "./strings/composer.js";
import { conversations } from "./strings/conversations.js";
import { design } from "./strings/design.js";
import { details } from "./strings/details.js";
import { front } from "./strings/front.js";
import { messages } from "./strings/messages.js";
import { panel } from "./strings/panel.js";
import { settings } from "./strings/settings.js";
import { text } from "./strings/text.js";
import { workspace } from "./strings/workspace.js";

export const say = { composer, conversations, design, details, front, messages, panel, settings, text, workspace };
