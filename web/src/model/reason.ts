/** Describes an error in a sentence for users. */

import { ChatError } from "chatserver-client";
import { say } from "../strings.js";

/** Returns the server's text if it has answered. Browsers describe a missing answer differently, so it has its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof ChatError) return error.message;
  const isUnanswered = error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
  if (isUnanswered) return say.design.unreachable;
  return error instanceof Error ? error.message : String(error);
}
