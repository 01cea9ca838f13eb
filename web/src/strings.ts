/** Every sentence of the client, one file for each part of it. Components hold none. */

import { design } from "./strings/design.js";
import { front } from "./strings/front.js";
import { messages } from "./strings/messages.js";
import { text } from "./strings/text.js";

export const say = { design, front, messages, text };
