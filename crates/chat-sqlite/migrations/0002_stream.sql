-- What the v2 stream needs: changes in place, receipts, threads, reactions, each user's own state, revoked tokens.
-- A `position` is a place in the log of all changes; 0 stands for "before cursors were given out".

-- `position`: the last change of any kind but receipts. `meta_position`: the last change of what all members see of the
-- conversation itself. `receipts_position`: the last time a pointer moved.
ALTER TABLE conversations ADD COLUMN n_members INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN meta_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN receipts_position INTEGER NOT NULL DEFAULT 0;
UPDATE conversations SET
    n_members = (SELECT count(*) FROM members m WHERE m.conversation_id = conversations.id),
    created_at = coalesce((SELECT min(m.joined_at) FROM members m WHERE m.conversation_id = conversations.id), 0);

-- `joined_position`, `state_position`, `pointers_position`: when the member joined, changed their own part, moved a
-- pointer. A draft has a table of its own, so that a row here stays small.
ALTER TABLE members ADD COLUMN joined_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN state_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN pointers_position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN marked_unread INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN muted_until INTEGER;
ALTER TABLE members ADD COLUMN archived INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0;

CREATE TABLE drafts (
    user_id         INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    content         TEXT NOT NULL,
    PRIMARY KEY (user_id, conversation_id)
) STRICT, WITHOUT ROWID;

-- The last time that somebody ceased to be a member. Whether they are one again is for `members` to say; the row stays,
-- so that whoever slept through both can be given what was written in between.
CREATE TABLE departures (
    user_id         INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    PRIMARY KEY (user_id, conversation_id)
) STRICT, WITHOUT ROWID;

-- `position` stays that of the message's creation. `extra` is JSON of what few messages have: all media where there is
-- more to say than `media_url`, mentions, custom data, where it was forwarded from.
ALTER TABLE messages ADD COLUMN reply_to INTEGER;
ALTER TABLE messages ADD COLUMN thread_id INTEGER;
ALTER TABLE messages ADD COLUMN n_replies INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN last_reply_at INTEGER;
ALTER TABLE messages ADD COLUMN n_reactions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edited_at INTEGER;
ALTER TABLE messages ADD COLUMN deleted_at INTEGER;
ALTER TABLE messages ADD COLUMN pinned_at INTEGER;
ALTER TABLE messages ADD COLUMN pinned_by INTEGER;
ALTER TABLE messages ADD COLUMN streaming TEXT;
ALTER TABLE messages ADD COLUMN extra TEXT;
-- All of these hold few rows, and none of them is written for an ordinary message.
CREATE INDEX messages_in_threads ON messages (thread_id, seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_pinned ON messages (conversation_id, pinned_at) WHERE pinned_at IS NOT NULL;
CREATE INDEX messages_deleted ON messages (conversation_id, seq) WHERE deleted_at IS NOT NULL;

-- With the sender in it, messages of others can be counted without touching the table. That `seq` is unique follows
-- from how it is given out; the index no longer says so.
DROP INDEX messages_in_order;
CREATE INDEX messages_in_order ON messages (conversation_id, seq, sender_id);

-- Messages that were changed in place: one row each, at the place of the last change.
CREATE TABLE message_changes (
    message_id      INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    event           TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX message_changes_in_order ON message_changes (conversation_id, position);
CREATE UNIQUE INDEX message_changes_by_position ON message_changes (position);

CREATE TABLE message_versions (
    message_id INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    content    TEXT NOT NULL,
    id         INTEGER PRIMARY KEY
) STRICT;
CREATE INDEX message_versions_of ON message_versions (message_id, id);

-- `position` tells which was first, which the wall clock cannot.
CREATE TABLE reactions (
    message_id INTEGER NOT NULL,
    emoji      TEXT NOT NULL,
    user_id    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
) STRICT, WITHOUT ROWID;

-- `user_id` 0 stands for all members.
CREATE TABLE mentions (
    conversation_id INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE hidden_messages (
    user_id    INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hidden_messages_in_order ON hidden_messages (user_id, position);

-- A row stays when a message is no longer saved, for the user's other devices to learn of.
CREATE TABLE saved_messages (
    user_id    INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    saved      INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (user_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX saved_messages_in_order ON saved_messages (user_id, position);

CREATE TABLE thread_pointers (
    user_id   INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    read_seq  INTEGER NOT NULL,
    PRIMARY KEY (user_id, thread_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE last_seen (
    user_id INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT;

-- Tokens that were logged out, by the hash of each, until they would have expired (seconds since 1970).
CREATE TABLE revoked_tokens (
    fingerprint BLOB PRIMARY KEY,
    user_id     INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
-- Tokens issued before this second are worth nothing.
ALTER TABLE users ADD COLUMN tokens_from INTEGER NOT NULL DEFAULT 0;

-- Tells this log from any other, so that a cursor of another database is not mistaken for one of this.
ALTER TABLE log ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
UPDATE log SET epoch = abs(random()) % 4294967295 + 1;
