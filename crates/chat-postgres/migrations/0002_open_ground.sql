-- Columns and tables for servers that are open to the public. Nodes of the previous release do not write
-- these columns.

-- Unread counts are derived from `seq` and these three tables; see `unread.rs` of the core. Blocks of own messages and of
-- corrections have 256 messages, those of mentions 64. Triggers keep the tables, so that writes of nodes of the previous
-- release count too. Their functions run with the rights of the tables' owner, because a node of the previous release may
-- have a role that was granted its own tables only. Each start gives those functions the path of this schema
-- (`schema.rs`): a program that restores data may have none.
-- `n`: messages that the user had sent until the end of the block, which is full and contains one.
CREATE TABLE own_counts (
    conversation_id bigint NOT NULL,
    user_id         bigint NOT NULL,
    block           bigint NOT NULL,
    n               bigint NOT NULL,
    PRIMARY KEY (conversation_id, user_id, block)
);
CREATE FUNCTION count_own_block(conversation bigint, full_block bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO own_counts (conversation_id, user_id, block, n)
    SELECT conversation, b.sender_id, full_block, b.n + coalesce((
        SELECT o.n FROM own_counts o WHERE o.conversation_id = conversation AND o.user_id = b.sender_id
            AND o.block < full_block ORDER BY o.block DESC LIMIT 1), 0)
    FROM (SELECT sender_id, count(*) AS n FROM messages
          WHERE conversation_id = conversation AND seq >= full_block * 256 AND seq < full_block * 256 + 256
          GROUP BY sender_id) b
    ON CONFLICT (conversation_id, user_id, block) DO UPDATE SET n = excluded.n
$$;
CREATE FUNCTION note_full_block() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM count_own_block(NEW.conversation_id, NEW.seq / 256 - 1);
    RETURN NULL;
END
$$;

-- What to add to counts after a message of the block; user 0 stands for everybody. A block of a level has 256^level
-- messages.
CREATE TABLE unread_corrections (
    conversation_id bigint NOT NULL,
    user_id         bigint NOT NULL,
    level           smallint NOT NULL,
    block           bigint NOT NULL,
    unread          bigint NOT NULL,
    mentions        bigint NOT NULL,
    PRIMARY KEY (conversation_id, user_id, level, block)
) WITH (fillfactor = 70);
-- A message by its `seq`. A plan that was made while the tables were small must not read the whole conversation: with the
-- order, only one index serves.
CREATE FUNCTION message_at(conversation bigint, message_seq bigint)
RETURNS TABLE (id bigint, sender_id bigint, deleted_at bigint) LANGUAGE sql STABLE AS $$
    SELECT m.id, m.sender_id, m.deleted_at FROM messages m
    WHERE m.conversation_id = conversation AND m.seq >= message_seq AND m.seq <= message_seq
    ORDER BY m.seq LIMIT 1
$$;
CREATE FUNCTION is_mentioned(conversation bigint, viewer bigint, message_seq bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM mentions a
                   WHERE a.conversation_id = conversation AND a.user_id = viewer AND a.seq = message_seq)
$$;
CREATE FUNCTION correction_of(conversation bigint, viewer bigint, message_seq bigint)
RETURNS TABLE (unread bigint, mentions bigint) LANGUAGE sql STABLE AS $$
    SELECT CASE viewer WHEN 0 THEN -deleted WHEN sender_id THEN deleted ELSE -hidden * (1 - deleted) END,
           CASE WHEN viewer = sender_id OR hidden = 1
               THEN -(is_mentioned(conversation, 0, message_seq)
                      OR is_mentioned(conversation, viewer, message_seq))::int::bigint ELSE 0 END
    FROM (SELECT m.sender_id, (m.deleted_at IS NOT NULL)::int::bigint AS deleted,
                 EXISTS (SELECT 1 FROM hidden_messages h
                         WHERE h.user_id = viewer AND h.message_id = m.id)::int::bigint AS hidden
          FROM message_at(conversation, message_seq) m OFFSET 0) f
$$;
-- Brings the corrections for these messages and users, each pair given once, up to date.
CREATE FUNCTION recount(conversations bigint[], viewers bigint[], seqs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unread_corrections AS c (conversation_id, user_id, level, block, unread, mentions)
    SELECT d.conversation_id, d.user_id, l.level, d.seq / l.size, sum(d.unread), sum(d.mentions)
    FROM (SELECT p.conversation_id, p.user_id, p.seq, n.unread - coalesce(o.unread, 0) AS unread,
                 n.mentions - coalesce(o.mentions, 0) AS mentions
          FROM unnest(conversations, viewers, seqs) p (conversation_id, user_id, seq)
          CROSS JOIN LATERAL correction_of(p.conversation_id, p.user_id, p.seq) n
          LEFT JOIN LATERAL (
              SELECT o.unread, o.mentions FROM unread_corrections o
              WHERE o.conversation_id = p.conversation_id AND o.user_id = p.user_id AND o.level = 0
                  AND o.block = p.seq OFFSET 0) o ON true) d
    CROSS JOIN (VALUES (0, 1), (1, 256), (2, 65536), (3, 16777216)) l (level, size)
    WHERE d.unread <> 0 OR d.mentions <> 0
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (conversation_id, user_id, level, block) DO UPDATE SET
        unread = c.unread + excluded.unread, mentions = c.mentions + excluded.mentions;
END
$$;
CREATE FUNCTION recount_deleted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM recount(array_agg(NEW.conversation_id), array_agg(u.user_id), array_agg(NEW.seq)) FROM (
        VALUES (0), (NEW.sender_id) UNION SELECT user_id FROM hidden_messages WHERE message_id = NEW.id) u (user_id);
    RETURN NULL;
END
$$;
CREATE FUNCTION recount_hidden() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM recount(ARRAY[m.conversation_id], ARRAY[NEW.user_id], ARRAY[m.seq]) FROM messages m
    WHERE m.id = NEW.message_id;
    RETURN NULL;
END
$$;

-- `n`: mentions of the user (0: of everybody) in the block, which has 64^level messages. A user's block is counted when
-- a message of a later block mentions the user. Until then its mentions are counted one by one, so most messages with
-- very many mentions write nothing here.
CREATE TABLE mention_counts (
    conversation_id bigint NOT NULL,
    user_id         bigint NOT NULL,
    level           smallint NOT NULL,
    block           bigint NOT NULL,
    n               bigint NOT NULL,
    PRIMARY KEY (conversation_id, user_id, level, block)
) WITH (fillfactor = 70);
-- `changed` has the mentions that one statement wrote or deleted, up to a hundred of a message. A message's mentions are
-- written by one statement. They are handled together, because the log is locked meanwhile.
CREATE FUNCTION note_mentions() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    size bigint := 1;
    conversations bigint[];
    senders bigint[];
    seqs bigint[];
BEGIN
    -- Nodes of the previous release also write the members that a message for everybody names. They would count twice.
    IF EXISTS (SELECT 1 FROM changed WHERE user_id = 0) THEN
        DELETE FROM mentions m USING changed e, changed n
        WHERE e.user_id = 0 AND n.conversation_id = e.conversation_id AND n.seq = e.seq AND n.user_id <> 0
            AND m.conversation_id = n.conversation_id AND m.user_id = n.user_id AND m.seq = n.seq;
    END IF;
    FOR of_level IN 1..3 LOOP
        size := size * 64;
        INSERT INTO mention_counts (conversation_id, user_id, level, block, n)
        SELECT DISTINCT c.conversation_id, c.user_id, of_level, p.seq / size, CASE of_level
            WHEN 1 THEN (SELECT count(*) FROM mentions m
                         WHERE m.conversation_id = c.conversation_id AND m.user_id = c.user_id
                             AND m.seq >= p.seq / size * size AND m.seq < p.seq / size * size + size)
            ELSE (SELECT coalesce(sum(s.n), 0) FROM mention_counts s
                  WHERE s.conversation_id = c.conversation_id AND s.user_id = c.user_id AND s.level = of_level - 1
                      AND s.block >= p.seq / size * 64 AND s.block < p.seq / size * 64 + 64) END
        FROM changed c CROSS JOIN LATERAL (
            SELECT m.seq FROM mentions m
            WHERE m.conversation_id = c.conversation_id AND m.user_id = c.user_id AND m.seq < c.seq
            ORDER BY m.seq DESC LIMIT 1) p
        WHERE p.seq / size < c.seq / size
        ON CONFLICT (conversation_id, user_id, level, block) DO UPDATE SET n = excluded.n;
        EXIT WHEN NOT FOUND;
    END LOOP;
    -- No mention counts for its sender.
    SELECT array_agg(c.conversation_id), array_agg(m.sender_id), array_agg(c.seq) INTO conversations, senders, seqs
    FROM (SELECT conversation_id, seq, bool_or(user_id = 0) AS is_for_all FROM changed GROUP BY 1, 2) c
    CROSS JOIN LATERAL message_at(c.conversation_id, c.seq) m
    WHERE c.is_for_all OR is_mentioned(c.conversation_id, m.sender_id, c.seq);
    IF seqs IS NOT NULL THEN
        PERFORM recount(conversations, senders, seqs);
    END IF;
    RETURN NULL;
END
$$;
CREATE FUNCTION forget_mentions() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    UPDATE mention_counts s SET n = s.n - d.n
    FROM (SELECT c.conversation_id, c.user_id, l.level, c.seq / l.size AS block, count(*) AS n
          FROM changed c CROSS JOIN (VALUES (1, 64), (2, 4096), (3, 262144)) l (level, size)
          GROUP BY 1, 2, 3, 4) d
    WHERE s.conversation_id = d.conversation_id AND s.user_id = d.user_id AND s.level = d.level
        AND s.block = d.block;
    PERFORM recount(array_agg(c.conversation_id), array_agg(u.user_id), array_agg(c.seq))
    FROM (SELECT DISTINCT conversation_id, seq FROM changed) c
    CROSS JOIN LATERAL message_at(c.conversation_id, c.seq) m
    CROSS JOIN LATERAL (
        SELECT m.sender_id UNION SELECT h.user_id FROM hidden_messages h WHERE h.message_id = m.id) u (user_id);
    RETURN NULL;
END
$$;
-- Fill the tables from all messages.
CREATE FUNCTION count_own_blocks() RETURNS void LANGUAGE sql AS $$
    INSERT INTO own_counts (conversation_id, user_id, block, n)
    SELECT conversation_id, sender_id, block, sum(n) OVER (PARTITION BY conversation_id, sender_id ORDER BY block)
    FROM (SELECT m.conversation_id, m.sender_id, m.seq / 256 AS block, count(*) AS n
          FROM messages m JOIN conversations c ON c.id = m.conversation_id
          WHERE m.seq < c.last_seq / 256 * 256 GROUP BY 1, 2, 3) b
$$;
CREATE FUNCTION correct_unread() RETURNS void LANGUAGE sql AS $$
    DELETE FROM mentions a USING mentions e
    WHERE a.user_id <> 0 AND e.conversation_id = a.conversation_id AND e.user_id = 0 AND e.seq = a.seq;
    INSERT INTO mention_counts (conversation_id, user_id, level, block, n)
    SELECT a.conversation_id, a.user_id, l.level, a.seq / l.size, count(*)
    FROM (SELECT conversation_id, user_id, seq, max(seq) OVER (PARTITION BY conversation_id, user_id) AS last
          FROM mentions) a
    CROSS JOIN (VALUES (1, 64), (2, 4096), (3, 262144)) l (level, size)
    WHERE a.seq / l.size < a.last / l.size
    GROUP BY 1, 2, 3, 4;
    INSERT INTO unread_corrections (conversation_id, user_id, level, block, unread, mentions)
    SELECT p.conversation_id, p.user_id, l.level, p.seq / l.size, sum(n.unread), sum(n.mentions)
    FROM (SELECT m.conversation_id, u.user_id, m.seq
          FROM messages m CROSS JOIN LATERAL (VALUES (0), (m.sender_id)) u (user_id) WHERE m.deleted_at IS NOT NULL
          UNION SELECT m.conversation_id, m.sender_id, m.seq FROM mentions a
                JOIN messages m ON m.conversation_id = a.conversation_id AND m.seq = a.seq
                WHERE a.user_id IN (0, m.sender_id)
          UNION SELECT m.conversation_id, h.user_id, m.seq FROM hidden_messages h
                JOIN messages m ON m.id = h.message_id) p
    CROSS JOIN LATERAL correction_of(p.conversation_id, p.user_id, p.seq) n
    CROSS JOIN (VALUES (0, 1), (1, 256), (2, 65536), (3, 16777216)) l (level, size)
    GROUP BY 1, 2, 3, 4
$$;

-- All messages are counted before any table is locked. Then no node may write until the triggers are there (a writer
-- locks the log first, so a table that is locked before the log could stop both): the few blocks that were filled in the
-- meantime are added, and mentions, deleted and hidden messages are counted.
SELECT count_own_blocks();
SELECT position FROM log FOR UPDATE;
SELECT count_own_block(c.id, b.block) FROM conversations c CROSS JOIN LATERAL generate_series(
    coalesce((SELECT max(o.block) + 1 FROM own_counts o WHERE o.conversation_id = c.id), 0), c.last_seq / 256 - 1)
    b (block)
WHERE c.last_seq >= 256 ORDER BY c.id, b.block;
SELECT correct_unread();
CREATE INDEX hidden_messages_of ON hidden_messages (message_id);
CREATE TRIGGER own_counts_of_block AFTER INSERT ON messages
    FOR EACH ROW WHEN (NEW.seq % 256 = 0) EXECUTE FUNCTION note_full_block();
CREATE TRIGGER recount_deleted AFTER UPDATE OF deleted_at ON messages
    FOR EACH ROW WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) EXECUTE FUNCTION recount_deleted();
CREATE TRIGGER recount_hidden AFTER INSERT ON hidden_messages FOR EACH ROW EXECUTE FUNCTION recount_hidden();
CREATE TRIGGER note_mentions AFTER INSERT ON mentions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_mentions();
CREATE TRIGGER forget_mentions AFTER DELETE ON mentions
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION forget_mentions();

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
