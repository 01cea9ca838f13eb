import assert from "node:assert/strict";
import { test } from "node:test";
import { ChatError, login, Rest, type FetchLike } from "../../src/index.js";

interface Asked {
  url: string;
  method: string;
  headers: Record<string, string>;
  body?: string;
}

interface Given {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

function server(...answers: Given[]): { asked: Asked[]; fetch: FetchLike } {
  const asked: Asked[] = [];
  const fetch: FetchLike = async (url, init) => {
    const { status = 200, body, headers = {} } = answers[asked.length] ?? {};
    asked.push({ url, method: init.method, headers: init.headers, ...(init.body === undefined ? {} : { body: init.body }) });
    const text = typeof body === "string" ? body : JSON.stringify(body ?? {});
    return { ok: status < 400, status, headers: { get: (name) => headers[name] ?? null }, text: async () => text };
  };
  return { asked, fetch };
}

test("a request has its path parameters, its query and the token", async () => {
  const { asked, fetch } = server({ body: [{ id: 1 }] });
  const rest = new Rest({ url: "http://chat.test/", token: () => "t", fetch });
  const users = await rest.get("/v1/users", { query: { q: "to m&", limit: 5 } });
  assert.equal(users[0]?.id, 1);
  await rest.get("/v1/groups/{id}/members", { path: { id: 7 } });
  assert.deepEqual(asked.map(({ url }) => url), ["http://chat.test/v1/users?q=to+m%26&limit=5", "http://chat.test/v1/groups/7/members"]);
  assert.deepEqual(asked[0]?.headers, { accept: "application/json", authorization: "Bearer t" });
});

test("a body is JSON", async () => {
  const { asked, fetch } = server({ status: 201, body: { id: 3, name: "Mice" } });
  const group = await new Rest({ url: "http://chat.test", token: () => "t", fetch }).post("/v1/groups", { body: { name: "Mice" } });
  assert.equal(group.id, 3);
  assert.equal(asked[0]?.body, '{"name":"Mice"}');
  assert.equal(asked[0]?.headers["content-type"], "application/json");
});

test("a problem becomes an error with its code", async () => {
  const problem = { error: "Not a member", code: "not_member", request_id: "r1" };
  const { fetch } = server({ status: 403, body: problem }, { status: 503, body: "<html>", headers: { "retry-after": "2" } }, { status: 400, body: "Use https://\n" });
  const rest = new Rest({ url: "http://chat.test", fetch });
  const expected = { code: "not_member", message: "Not a member", status: 403, temporary: false, request_id: "r1" };
  await assert.rejects(rest.get("/v1/groups"), (error) => error instanceof ChatError && Object.entries(expected).every(([key, value]) => error[key as keyof ChatError] === value));
  await assert.rejects(rest.get("/v1/groups"), { code: "http_503", temporary: true, retry_after_ms: 2000 });
  await assert.rejects(rest.get("/v1/groups"), { code: "http_400", temporary: false, message: "Use https://" });
});

test("pages follow the server's links, and never to another host", async () => {
  const { asked, fetch } = server(
    { body: [{ id: 1 }], headers: { link: '</v1/users?after_id=1&limit=1>; rel="next"' } },
    { body: [{ id: 2 }], headers: { link: '<http://evil.test/v1/users?after_id=2>; rel="next"' } },
    { body: [] },
  );
  const rest = new Rest({ url: "http://chat.test", token: () => "t", fetch });
  const ids = [];
  for await (const page of rest.pages("/v1/users", { query: { limit: 1 } })) ids.push(...page.map(({ id }) => id));
  assert.deepEqual(ids, [1, 2]);
  assert.deepEqual(asked.map(({ url }) => url), [
    "http://chat.test/v1/users?limit=1",
    "http://chat.test/v1/users?after_id=1&limit=1",
    "http://chat.test/v1/users?after_id=2",
  ]);
});

test("a login sends no token", async () => {
  const { asked, fetch } = server({ body: { token: "t", user_id: 1 } });
  assert.equal((await login("http://chat.test", { username: "tom", password: "password123" }, fetch)).token, "t");
  assert.equal(asked[0]?.headers["authorization"], undefined);
});

/** Never runs: the compiler is the test. */
export function typesAreChecked(rest: Rest): void {
  // @ts-expect-error there is no such path
  void rest.get("/v1/nothing");
  // @ts-expect-error the path has no such method
  void rest.delete("/v1/users");
  // @ts-expect-error the path has a parameter
  void rest.get("/v1/groups/{id}/members");
  // @ts-expect-error the body needs a name
  void rest.post("/v1/groups", { body: {} });
  // @ts-expect-error the answer has no such field
  void rest.get("/ping").then((pong) => pong.nothing);
}
