/** The handwritten types in protocol.ts agree with the server's OpenAPI document. The compiler is the test. */

import { test } from "node:test";
import type { components, Conversation, Media, Message, OwnPart, Quote, Reaction } from "../../src/index.js";

type Schema = components["schemas"];
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
/** All keys of a type, each with its `?`. */
type Shape<T> = { [K in keyof T]: K };
type SameKeys<A, B> = Same<Shape<Required<A>>, Shape<Required<B>>>;
type Fits<From, Into> = [From] extends [Into] ? true : false;

const truths: true[] = [
  true satisfies SameKeys<Schema["Message"], Message>,
  true satisfies Fits<Schema["Message"], Message>,
  // OpenAPI describes any object as one without fields, so `custom` is compared by name alone.
  true satisfies Fits<Omit<Message, "custom">, Omit<Schema["Message"], "custom">>,
  true satisfies Same<Schema["Media"], Media>,
  true satisfies Same<Schema["Quote"], Quote>,
  true satisfies Same<Schema["Reaction"], Reaction>,
  true satisfies Same<Schema["OwnPart"], OwnPart>,
  true satisfies SameKeys<Schema["Conversation"], Conversation>,
  true satisfies Fits<Schema["Conversation"], Conversation>,
];

test("the handwritten types agree with the generated ones", () => {
  void truths;
});
