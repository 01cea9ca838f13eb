/** What is done with groups. */

import type { Session } from "../session/session.svelte.js";
import { say } from "../strings.js";

/** How long the stream may take to tell of a new group. */
const PATIENCE_MS = 10_000;

/** Makes a group with these members; gives its conversation. Members who are refused are named, the group is there. */
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

/** The conversation of a group: known, or told by the stream in a moment. */
function conversationOf({ client }: Session, group: number): Promise<number> {
  const known = client.state.conversations().find(({ group_id }) => group_id === group);
  if (known !== undefined) return Promise.resolve(known.id);
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => {
      leave();
      reject(new Error(say.conversations.groupLater));
    }, PATIENCE_MS);
    const leave = client.on("conversation", ({ id, group_id }) => {
      if (group_id !== group) return;
      clearTimeout(patience);
      leave();
      resolve(id);
    });
  });
}
