/** A WebSocket without a network: the test plays the server. */

import type { ServerFrame, WebSocketClass } from "../../src/index.js";

export class FakeSocket {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly sent: Record<string, unknown>[] = [];
  isClosed = false;

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(): void {
    this.isClosed = true;
  }

  /** Delivers a frame of the server. */
  says(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  greets(part: { user_id?: number; resumed?: boolean; cursor?: string } = {}): void {
    this.says({
      type: "hello", user_id: 1, session_id: "s", cursor: "c0", heartbeat_ms: 20_000, resumed: false,
      features: [], server_version: "0", ...part,
    });
  }

  /** Ends the connection. */
  ends(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }

  /** Returns the sent frames of one op. */
  ops(op: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame["op"] === op);
  }
}

/** Makes a class for the client, and the list of the sockets that it creates. */
export function fakeSockets(): { WebSocket: WebSocketClass; sockets: FakeSocket[] } {
  const sockets: FakeSocket[] = [];
  class Recorded extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  return { WebSocket: Recorded, sockets };
}

/** Lets everything proceed that waits only for its turn in the event loop. */
export async function turns(): Promise<void> {
  for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
}
