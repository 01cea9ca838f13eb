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

-- Accounts that the server made for newcomers to try. Their password is known to everybody, so nothing but this mark may
-- say which they are. Earlier releases made them as the first two, one right after the other.
ALTER TABLE users ADD COLUMN demo INTEGER NOT NULL DEFAULT 0;
UPDATE users SET demo = 1
WHERE ((id = 1 AND username = 'tom' AND email = 'tom@temp.com')
       OR (id = 2 AND username = 'jerry' AND email = 'jerry@temp.com'))
  AND (SELECT count(*) FROM users
       WHERE (id = 1 AND username = 'tom' AND email = 'tom@temp.com')
          OR (id = 2 AND username = 'jerry' AND email = 'jerry@temp.com')) = 2
  AND (SELECT max(created_at) - min(created_at) FROM users WHERE id IN (1, 2)) < 10000000;
CREATE INDEX users_for_trying ON users (id) WHERE demo = 1;

-- Hashes of the earlier Go server that are left, the costliest last. Usually there are none.
CREATE INDEX users_with_bcrypt ON users (substr(password_hash, 5, 2)) WHERE substr(password_hash, 1, 2) = '$2';

-- Derived from usernames: what they look like (`kind` is `look`), and each prefix by which they are found (`start`).
CREATE TABLE name_keys (
    user_id INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    PRIMARY KEY (user_id, kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX name_keys_by_key ON name_keys (kind, key);

-- What is written to find out whether a message could be: pages as many as the longest message takes. None of it is kept.
CREATE TABLE probe (page INTEGER PRIMARY KEY, count INTEGER NOT NULL, filler BLOB NOT NULL) STRICT;
INSERT INTO probe WITH RECURSIVE pages (page) AS (SELECT 1 UNION ALL SELECT page + 1 FROM pages WHERE page < 24)
    SELECT page, 1000, zeroblob(3000) FROM pages;

-- While it is served, or was and has not been closed in order: which file it is, and under which name. Its newest messages
-- are then in a log beside that name.
ALTER TABLE log ADD COLUMN served TEXT;

-- The feed: what was committed, for readers who keep their places here. Only while there is one are entries written, one
-- for each position after `feed_from`.
ALTER TABLE log ADD COLUMN feed_readers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE log ADD COLUMN feed_from INTEGER NOT NULL DEFAULT 0;
CREATE TABLE feed (
    position        INTEGER PRIMARY KEY,
    at              INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    conversation_id INTEGER,
    message_id      INTEGER,
    user_id         INTEGER,
    actor_id        INTEGER
) STRICT;
CREATE TABLE feed_readers (
    name     TEXT PRIMARY KEY,
    epoch    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
