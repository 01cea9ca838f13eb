/** Every sentence of the client, one file for each part of it. Components hold none. */

import { conversations } from "./strings/conversations.js";
import { design } from "./strings/design.js";
import { details } from "./strings/details.js";
import { front } from "./strings/front.js";
import { settings } from "./strings/settings.js";
import { workspace } from "./strings/workspace.js";

export const say = { conversations, design, details, front, settings, workspace };
