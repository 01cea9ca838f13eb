/** One error type for refusals of the stream, problems of REST, and errors of the client itself. */

export interface Refusal {
  code: string;
  /** Whether a retry may succeed. */
  temporary?: boolean;
  retry_after_ms?: number | null | undefined;
  /** HTTP status of a REST response. */
  status?: number;
  request_id?: string;
  /** Key of the outbox message that failed. */
  client_msg_id?: string;
}

/** An error with a stable `code`. The message is for people and may change. */
export class ChatError extends Error {
  declare readonly code: string;
  declare readonly temporary: boolean;
  declare readonly retry_after_ms: number | undefined;
  declare readonly status: number | undefined;
  declare readonly request_id: string | undefined;
  declare readonly client_msg_id: string | undefined;

  constructor(sentence: string, refusal: Refusal) {
    super(sentence);
    this.name = "ChatError";
    this.code = refusal.code;
    this.temporary = refusal.temporary ?? false;
    this.retry_after_ms = refusal.retry_after_ms ?? undefined;
    this.status = refusal.status;
    this.request_id = refusal.request_id;
    this.client_msg_id = refusal.client_msg_id;
  }
}
