/** Derives from the generated types what a request to a path takes and what it returns. Types only. */

import type { paths } from "./rest-types.js";

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** Paths that have this method. */
export type PathsOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];

type Operation<M extends Method, P extends keyof paths> = paths[P][M & keyof paths[P]];

type Json<Content> = Content extends { content: { "application/json": infer Body } } ? Body : undefined;

/** The body of a successful response. */
export type Answer<M extends Method, P extends keyof paths> =
  Operation<M, P> extends { responses: infer All }
    ? { [Code in keyof All]: Code extends 200 | 201 | 202 | 204 ? Json<All[Code]> : never }[keyof All]
    : never;

type Needed<Name extends string, Value> = [Value] extends [never]
  ? unknown
  : undefined extends Value
    ? { [N in Name]?: Exclude<Value, undefined> }
    : Record<never, never> extends Value
      ? { [N in Name]?: Value }
      : { [N in Name]: Value };

type Parameter<O, Name extends string> = O extends { parameters: infer All }
  ? Name extends keyof All
    ? Exclude<All[Name], undefined> extends never
      ? never
      : All[Name]
    : never
  : never;

type BodyOf<O> = O extends { requestBody: { content: { "application/json": infer Body } } }
  ? Body
  : O extends { requestBody?: { content: { "application/json": infer Body } } }
    ? Body | undefined
    : never;

/** The input of a request. */
export type Input<M extends Method, P extends keyof paths> = Needed<"path", Parameter<Operation<M, P>, "path">> &
  Needed<"query", Parameter<Operation<M, P>, "query">> &
  Needed<"body", BodyOf<Operation<M, P>>>;

/** Makes the input optional if nothing in it is required. */
export type Args<T> = Record<never, never> extends T ? [input?: T] : [input: T];
