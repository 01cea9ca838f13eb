-- What a server needs that stands in the open. Nodes of the release before do not write these columns.

-- What the sender meant by a message with a key, so that the key is never taken for another message; NULL in those that
-- earlier releases wrote.
ALTER TABLE messages ADD COLUMN intention bytea;

-- How the group was when somebody left it, so that what becomes of it afterwards is not told; of the departure at the
-- place `as_of`. Of those before this, nothing is known but what is so now.
ALTER TABLE departures ADD COLUMN as_of bigint;
ALTER TABLE departures ADD COLUMN rev bigint;
ALTER TABLE departures ADD COLUMN owner_id bigint;
UPDATE departures d SET as_of = d.position, rev = c.rev, owner_id = g.owner_id
FROM conversations c, groups g WHERE c.id = d.conversation_id AND g.conversation_id = d.conversation_id;
