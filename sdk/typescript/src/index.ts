/** The public API of the package. */

export { ChatClient } from "./client.js";
export { ChatError } from "./error.js";
export { login, type Account } from "./login.js";
export { Rest, type FetchLike } from "./rest.js";
export { ChatState, type PageOf, type Pointers } from "./state.js";
export type { Status, WebSocketClass, WebSocketLike } from "./link.js";
export type { ChatEvents, ChatOptions, MessageEvent } from "./options.js";
export type { OutboxStorage } from "./outbox.js";
export type * from "./protocol.js";
export type { Answer, Input, PathsOf } from "./rest-shape.js";
export type { components, paths } from "./rest-types.js";
