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

-- Accounts that the server made for newcomers to try. Their password is known to everybody, so nothing but this mark may
-- say which they are. Earlier releases made them as the first two, one right after the other.
ALTER TABLE users ADD COLUMN demo boolean NOT NULL DEFAULT false;
UPDATE users SET demo = true
WHERE ((id = 1 AND username = 'tom' AND email = 'tom@temp.com')
       OR (id = 2 AND username = 'jerry' AND email = 'jerry@temp.com'))
  AND (SELECT count(*) FROM users
       WHERE (id = 1 AND username = 'tom' AND email = 'tom@temp.com')
          OR (id = 2 AND username = 'jerry' AND email = 'jerry@temp.com')) = 2
  AND (SELECT max(created_at) - min(created_at) FROM users WHERE id IN (1, 2)) < 10000000;
CREATE INDEX users_for_trying ON users (id) WHERE demo;

-- Hashes of the earlier Go server that are left, the costliest last. Usually there are none.
CREATE INDEX users_with_bcrypt ON users (substr(password_hash, 5, 2)) WHERE substr(password_hash, 1, 2) = '$2';

-- Derived from usernames: what they look like (`kind` is `look`), and the beginnings by which they are found (`word`).
-- Those of users whom a node of the release before has made since are missing, and all these have larger ids than the
-- users whose keys are here.
CREATE TABLE name_keys (
    user_id bigint NOT NULL,
    kind    text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, kind, key)
);
CREATE INDEX name_keys_by_key ON name_keys (kind, key) INCLUDE (user_id);

-- Where the log is kept: installation, timeline and tables, of each what could be read. Whoever finds another place than
-- this gives the log a new epoch; see `lineage.rs` of the core. NULL is what an earlier release has left.
ALTER TABLE log ADD COLUMN origin text;

-- The epochs that it had before, the last one first: who finds a log with one of them has come to a server that was left.
ALTER TABLE log ADD COLUMN left_epochs bigint[] NOT NULL DEFAULT '{}';

-- The feed: what was committed, for readers who keep their places here. Only while there is one are entries written, one
-- for each position after `feed_from`. Nodes of the release before write none: those after `feed_noted` are made of the
-- journal by the next node that can.
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
