/** All texts of the client, one file per part. Components contain none. */

export * as say from "./strings/all.js";
