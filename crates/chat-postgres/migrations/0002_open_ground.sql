-- Columns and tables for servers that are open to the public. Nodes of the previous release do not write
-- these columns.

-- The intention of a message with a key, so that the key is never taken for that of another message. NULL in
-- messages of earlier releases.
ALTER TABLE messages ADD COLUMN intention bytea;

-- The state of the group at the departure with the log position `as_of`, so that former members do not see
-- later changes. For earlier departures, only the current state is known.
ALTER TABLE departures ADD COLUMN as_of bigint;
ALTER TABLE departures ADD COLUMN rev bigint;
ALTER TABLE departures ADD COLUMN owner_id bigint;
UPDATE departures d SET as_of = d.position, rev = c.rev, owner_id = g.owner_id
FROM conversations c, groups g WHERE c.id = d.conversation_id AND g.conversation_id = d.conversation_id;

-- Accounts that the server created for newcomers. Their password is public, so only this mark may identify
-- them. Earlier releases created them as the first two, one right after the other.
ALTER TABLE users ADD COLUMN demo boolean NOT NULL DEFAULT false;
UPDATE users SET demo = true
WHERE ((id = 1 AND username = 'tom' AND email = 'tom@temp.com')
       OR (id = 2 AND username = 'jerry' AND email = 'jerry@temp.com'))
  AND (SELECT count(*) FROM users
       WHERE (id = 1 AND username = 'tom' AND email = 'tom@temp.com')
          OR (id = 2 AND username = 'jerry' AND email = 'jerry@temp.com')) = 2
  AND (SELECT max(created_at) - min(created_at) FROM users WHERE id IN (1, 2)) < 10000000;
CREATE INDEX users_for_trying ON users (id) WHERE demo;

-- Remaining hashes of the earlier Go server, the costliest last. Usually there are none.
CREATE INDEX users_with_bcrypt ON users (substr(password_hash, 5, 2)) WHERE substr(password_hash, 1, 2) = '$2';

-- Derived from usernames: their look (`kind` is `look`), and each prefix by which they are found (`start`).
-- Users created by a node of the previous release since then have no rows here. Their ids are larger than
-- those of all users with rows.
CREATE TABLE name_keys (
    user_id bigint NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, kind, key)
);
CREATE INDEX name_keys_by_key ON name_keys (kind, key, user_id);

-- The log's origin: installation, timeline and tables, as far as each could be read. A node that finds
-- another origin gives the log a new epoch; see `lineage.rs` of the core. NULL comes from an earlier release.
ALTER TABLE log ADD COLUMN origin text;

-- Earlier epochs of the log, the last one first. A node that finds a log with one of them is on a server that
-- was left.
ALTER TABLE log ADD COLUMN left_epochs bigint[] NOT NULL DEFAULT '{}';

-- The feed: the committed changes, for readers whose cursors are stored here. Entries are written only while
-- there is a reader, one for each position after `feed_from`. Nodes of the previous release write none; the
-- next node that can makes those after `feed_noted` from the journal.
ALTER TABLE log ADD COLUMN feed_readers bigint NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN feed_from bigint NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN feed_noted bigint NOT NULL DEFAULT 0;
CREATE TABLE feed (
    position        bigint PRIMARY KEY,
    at              bigint NOT NULL,
    kind            text NOT NULL,
    conversation_id bigint,
    message_id      bigint,
    user_id         bigint,
    actor_id        bigint
);
CREATE TABLE feed_readers (
    name     text COLLATE "C" PRIMARY KEY,
    epoch    bigint NOT NULL,
    position bigint NOT NULL,
    added_at bigint NOT NULL
);
