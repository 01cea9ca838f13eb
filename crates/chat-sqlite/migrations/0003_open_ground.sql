-- What a server needs that stands in the open.

-- What the sender meant by a message with a key, so that the key is never taken for another message; NULL in those that
-- earlier releases wrote.
ALTER TABLE messages ADD COLUMN intention BLOB;

-- How the group was when somebody left it, so that what becomes of it afterwards is not told; of the departure at the
-- place `as_of`. Of those before this, nothing is known but what is so now.
ALTER TABLE departures ADD COLUMN as_of INTEGER;
ALTER TABLE departures ADD COLUMN rev INTEGER;
ALTER TABLE departures ADD COLUMN owner_id INTEGER;
UPDATE departures SET
    as_of = position,
    rev = (SELECT c.rev FROM conversations c WHERE c.id = departures.conversation_id),
    owner_id = (SELECT g.owner_id FROM groups g WHERE g.conversation_id = departures.conversation_id);
