/** Creates groups and adds members. */

import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";

/** Longest wait until the stream announces a new group. */
const TIMEOUT_MS = 10_000;

/** Creates a group and returns its conversation's id. Refused members are reported, but the group exists. */
export async function createGroup(session: Session, name: string, members: readonly number[]): Promise<number> {
  const { id } = await session.client.rest.post("/v1/groups", { body: { name } });
  await addMembers(session, id, members);
  return conversationOf(session, id);
}

export async function addMembers(
  { client, notices }: Session,
  group: number,
  members: readonly number[],
): Promise<void> {
  for (const user_id of members) {
    await notices.try(client.rest.post("/v1/groups/{id}/members", { path: { id: group }, body: { user_id } }));
  }
}

/** Returns the id of a group's conversation, when the stream has announced it. */
function conversationOf({ client }: Session, group: number): Promise<number> {
  const known = client.state.conversations().find(({ group_id }) => group_id === group);
  if (known !== undefined) return Promise.resolve(known.id);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      remove();
      reject(new Error(say.conversations.groupLater));
    }, TIMEOUT_MS);
    const remove = client.on("conversation", ({ id, group_id }) => {
      if (group_id !== group) return;
      clearTimeout(timer);
      remove();
      resolve(id);
    });
  });
}
