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

-- The highest id that a message has had, even if its row is gone. AUTOINCREMENT keeps it in a table of its own, which is one
-- page more for each message; this row changes with each message anyway. SQLite has no statement to remove that word, and
-- describes this way: https://sqlite.org/lang_altertable.html#otheralter
ALTER TABLE log ADD COLUMN last_message INTEGER NOT NULL DEFAULT 0;
UPDATE log SET last_message = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0);
DELETE FROM sqlite_sequence WHERE name = 'messages';
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'PRIMARY KEY AUTOINCREMENT', 'PRIMARY KEY')
WHERE type = 'table' AND name = 'messages';
PRAGMA writable_schema = RESET;

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

-- Unread counts are derived from `seq` and these three tables; see `unread.rs` of the core. Blocks of own messages and of
-- corrections have 256 messages, those of mentions 64.
-- `n`: messages that the user had sent until the end of the block, which is full and contains one.
CREATE TABLE own_counts (
    conversation_id INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    block           INTEGER NOT NULL,
    n               INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id, block)
) STRICT, WITHOUT ROWID;
INSERT INTO own_counts
SELECT conversation_id, sender_id, block, sum(n) OVER (PARTITION BY conversation_id, sender_id ORDER BY block)
FROM (SELECT m.conversation_id, m.seq / 256 AS block, m.sender_id, count(*) AS n
      FROM conversations c CROSS JOIN messages m INDEXED BY messages_in_order ON m.conversation_id = c.id
          AND m.seq < c.last_seq / 256 * 256
      GROUP BY 1, 2, 3);

-- What to add to counts after a message of the block; user 0 stands for everybody. A block of a level has 256^level
-- messages.
CREATE TABLE unread_corrections (
    conversation_id INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    level           INTEGER NOT NULL,
    block           INTEGER NOT NULL,
    unread          INTEGER NOT NULL,
    mentions        INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id, level, block)
) STRICT, WITHOUT ROWID;
-- `n`: mentions of the user (0: of everybody) in the block, which has 64^level messages. A user's block is counted when
-- a message of a later block mentions the user.
CREATE TABLE mention_counts (
    conversation_id INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    level           INTEGER NOT NULL,
    block           INTEGER NOT NULL,
    n               INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id, level, block)
) STRICT, WITHOUT ROWID;
-- Members that a message for everybody also names would count twice.
DELETE FROM mentions WHERE user_id <> 0 AND EXISTS (
    SELECT 1 FROM mentions e
    WHERE e.conversation_id = mentions.conversation_id AND e.user_id = 0 AND e.seq = mentions.seq);
INSERT INTO mention_counts
SELECT a.conversation_id, a.user_id, l.level, a.seq / l.size, count(*)
FROM (SELECT conversation_id, user_id, seq, max(seq) OVER (PARTITION BY conversation_id, user_id) AS last
      FROM mentions) a
CROSS JOIN (SELECT 1 AS level, 64 AS size UNION ALL SELECT 2, 4096 UNION ALL SELECT 3, 262144) l
WHERE a.seq / l.size < a.last / l.size
GROUP BY 1, 2, 3, 4;

-- Who has hidden a message.
CREATE INDEX hidden_messages_of ON hidden_messages (message_id);
-- Inserting into it brings the corrections for a message and a user up to date.
CREATE VIEW recount (conversation_id, user_id, seq) AS SELECT 0, 0, 0 WHERE 0;
CREATE TRIGGER recount_one INSTEAD OF INSERT ON recount BEGIN
    INSERT INTO unread_corrections (conversation_id, user_id, level, block, unread, mentions)
    SELECT NEW.conversation_id, NEW.user_id, l.level, NEW.seq / l.size,
           n.unread - coalesce(o.unread, 0), n.mentions - coalesce(o.mentions, 0)
    FROM (SELECT CASE NEW.user_id WHEN 0 THEN -deleted WHEN sender_id THEN deleted
                      ELSE -(hidden AND NOT deleted) END AS unread,
                 iif(NEW.user_id = sender_id OR hidden, -named, 0) AS mentions
          FROM (SELECT m.sender_id, m.deleted_at IS NOT NULL AS deleted,
                       EXISTS (SELECT 1 FROM hidden_messages h
                               WHERE h.user_id = NEW.user_id AND h.message_id = m.id) AS hidden,
                       (SELECT count(*) FROM mentions a
                        WHERE a.conversation_id = m.conversation_id AND a.user_id IN (0, NEW.user_id)
                            AND a.seq = m.seq) AS named
                FROM messages m INDEXED BY messages_in_order
                WHERE m.conversation_id = NEW.conversation_id AND m.seq = NEW.seq)) n
    LEFT JOIN unread_corrections o ON o.conversation_id = NEW.conversation_id AND o.user_id = NEW.user_id
        AND o.level = 0 AND o.block = NEW.seq
    CROSS JOIN (SELECT 0 AS level, 1 AS size UNION ALL SELECT 1, 256 UNION ALL SELECT 2, 65536
                UNION ALL SELECT 3, 16777216) l
    WHERE n.unread <> coalesce(o.unread, 0) OR n.mentions <> coalesce(o.mentions, 0)
    ON CONFLICT (conversation_id, user_id, level, block) DO UPDATE SET
        unread = unread + excluded.unread, mentions = mentions + excluded.mentions;
END;
-- A message that is deleted has no mentions any more.
CREATE TRIGGER recount_deleted AFTER UPDATE OF deleted_at ON messages
WHEN OLD.deleted_at IS NOT NEW.deleted_at BEGIN
    INSERT INTO recount VALUES (NEW.conversation_id, 0, NEW.seq), (NEW.conversation_id, NEW.sender_id, NEW.seq);
    INSERT INTO recount SELECT NEW.conversation_id, h.user_id, NEW.seq FROM hidden_messages h
    WHERE h.message_id = NEW.id AND h.user_id <> NEW.sender_id;
END;
CREATE TRIGGER recount_hidden AFTER INSERT ON hidden_messages BEGIN
    INSERT INTO recount SELECT conversation_id, NEW.user_id, seq FROM messages WHERE id = NEW.message_id;
END;
INSERT INTO recount
SELECT conversation_id, 0, seq FROM messages INDEXED BY messages_deleted WHERE deleted_at IS NOT NULL UNION
SELECT conversation_id, sender_id, seq FROM messages INDEXED BY messages_deleted WHERE deleted_at IS NOT NULL UNION
SELECT m.conversation_id, m.sender_id, m.seq
FROM mentions a CROSS JOIN messages m INDEXED BY messages_in_order
    ON m.conversation_id = a.conversation_id AND m.seq = a.seq
WHERE a.user_id IN (0, m.sender_id) UNION
SELECT m.conversation_id, h.user_id, m.seq FROM hidden_messages h CROSS JOIN messages m ON m.id = h.message_id;
