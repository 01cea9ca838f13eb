/** Every sentence of the client, one file for each part of it. Components hold none. */

import { composer } from "./strings/composer.js";
import { design } from "./strings/design.js";
import { front } from "./strings/front.js";
import { panel } from "./strings/panel.js";

export const say = { composer, design, front, panel };
