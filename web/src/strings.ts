/** Every sentence of the client, one file for each part of it. Components hold none. */

export * as say from "./strings/all.js";
