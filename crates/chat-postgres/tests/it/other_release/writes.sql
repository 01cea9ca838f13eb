-- The writes of nodes of that release, statement by statement as they send them, with values instead of
-- parameters. The column lists are from that release: they do not name columns that were added later.
SET search_path = public;
INSERT INTO users (username, username_key, email, email_key, password_hash, created_at)
    VALUES ('nibbles', 'nibbles', 'nibbles@temp.com', 'nibbles@temp.com', 'x', 1795995300000000)
    RETURNING id, username, email, created_at;
INSERT INTO conversations (rev, n_members, created_at, position, meta_position)
    VALUES (0, 2, 1795995300000000, 19, 19) RETURNING id;
INSERT INTO directs (low, high, conversation_id) VALUES (1, 4, 3);
INSERT INTO members (conversation_id, user_id, role, joined_at, joined_position)
    VALUES (3, 1, 'member', 1795995300000000, 19), (3, 4, 'member', 1795995300000000, 19);
INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id,
    sent_at, kind, content, media_url, client_msg_id, reply_to, thread_id, streaming, extra)
    SELECT * FROM unnest('{6}'::bigint[], '{3}'::bigint[], '{1}'::bigint[], '{1}'::bigint[], '{20}'::bigint[],
        '{4}'::bigint[], '{1}'::bigint[], '{0}'::bigint[], '{1795995300000000}'::bigint[], '{text}'::text[],
        '{"from an earlier node"}'::text[], '{""}'::text[], '{k2}'::text[], '{NULL}'::bigint[], '{NULL}'::bigint[],
        '{NULL}'::text[], '{NULL}'::text[]);
UPDATE conversations SET last_seq = 1, rev = 1, position = 20 WHERE id = 3;
INSERT INTO conversations (last_seq, rev, n_members, created_at, position, meta_position)
    VALUES (0, 1, 1, 1795995300000000, 21, 21) RETURNING id;
INSERT INTO groups (conversation_id, name, owner_id, created_at) VALUES (4, 'Holes', 4, 1795995300000000)
    RETURNING id, conversation_id, name, owner_id, created_at;
INSERT INTO members (conversation_id, user_id, role, delivered_seq, read_seq, joined_at,
    joined_position, pointers_position)
    SELECT id, 4, 'owner', last_seq, last_seq, 1795995300000000, 21, CASE last_seq WHEN 0 THEN 0 ELSE 21::bigint END
    FROM conversations WHERE id = 4;
INSERT INTO message_versions (message_id, since, content) VALUES (6, 1795995300000000, 'former');
INSERT INTO message_changes (message_id, conversation_id, position, event) VALUES (6, 3, 22, 'edited')
    ON CONFLICT (message_id) DO UPDATE SET position = excluded.position, event = excluded.event;
INSERT INTO reactions (message_id, emoji, user_id, at, position) VALUES (6, '🧀', 1, 1795995300000000, 23);
INSERT INTO saved_messages (user_id, message_id, saved, position) VALUES (1, 6, true, 24)
    ON CONFLICT (user_id, message_id) DO UPDATE SET saved = excluded.saved, position = excluded.position;
INSERT INTO drafts (user_id, conversation_id, content) VALUES (1, 3, 'half')
    ON CONFLICT (user_id, conversation_id) DO UPDATE SET content = excluded.content;
INSERT INTO revoked_tokens (fingerprint, user_id, expires_at) VALUES ('\x00', 4, 4102444800) ON CONFLICT DO NOTHING;
INSERT INTO message_words (message_id, conversation_id, words)
    SELECT id, conversation, words::tsvector
    FROM unnest('{6}'::bigint[], '{3}'::bigint[], '{"''node'':4"}'::text[]) AS t (id, conversation, words)
    ON CONFLICT (message_id) DO UPDATE SET words = excluded.words;
INSERT INTO secrets (name, value) VALUES ('tokens', 'another') ON CONFLICT DO NOTHING;
UPDATE log SET position = 24, message_id = 6;
