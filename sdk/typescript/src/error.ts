/** What went wrong, in one shape: refusals of the stream, problems of REST, and the client's own. */

export interface Refusal {
  code: string;
  /** Whether the same may succeed later. */
  temporary?: boolean;
  retry_after_ms?: number | null | undefined;
  /** HTTP status, if REST refused. */
  status?: number;
  request_id?: string;
  /** Which message of the outbox it is about. */
  client_msg_id?: string;
}

/** Carries a stable `code`; the sentence is for people. */
export class ChatError extends Error {
  readonly code: string;
  readonly temporary: boolean;
  readonly retry_after_ms: number | undefined;
  readonly status: number | undefined;
  readonly request_id: string | undefined;
  readonly client_msg_id: string | undefined;

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
