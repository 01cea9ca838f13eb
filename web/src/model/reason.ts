/** What went wrong, as a sentence for people. */

import { ChatError } from "chatserver-client";
import { say } from "../strings.js";

/** In the server's own words, if it has answered; that it has not, browsers say each in a way of its own. */
export function reasonOf(error: unknown): string {
  if (error instanceof ChatError) return error.message;
  const isUnanswered = error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
  if (isUnanswered) return say.design.unreachable;
  return error instanceof Error ? error.message : String(error);
}
