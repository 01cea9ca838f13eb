-- Times are microseconds since 1970 UTC. `*_key` columns hold the form in which names are compared.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    username      TEXT NOT NULL,
    username_key  TEXT NOT NULL UNIQUE,
    email         TEXT NOT NULL,
    email_key     TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT;

-- `last_seq` numbers messages without gaps; `rev` counts every change.
CREATE TABLE conversations (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    last_seq INTEGER NOT NULL DEFAULT 0,
    rev      INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One direct conversation for each pair of users, the smaller id first.
CREATE TABLE directs (
    low             INTEGER NOT NULL,
    high            INTEGER NOT NULL,
    conversation_id INTEGER NOT NULL,
    PRIMARY KEY (low, high),
    CHECK (low < high)
) STRICT, WITHOUT ROWID;

-- Groups have a number space of their own: a user and a group of the same number are never mistaken for each other.
CREATE TABLE groups (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    owner_id        INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE members (
    conversation_id INTEGER NOT NULL,
    user_id         INTEGER NOT NULL,
    role            TEXT NOT NULL,
    delivered_seq   INTEGER NOT NULL DEFAULT 0,
    read_seq        INTEGER NOT NULL DEFAULT 0,
    joined_at       INTEGER NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id, conversation_id);

-- Exactly two indexes, both friendly to appending: every other one would dirty a page for each message.
-- Of `recipient_id` and `group_id` one is 0.
CREATE TABLE messages (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL,
    seq             INTEGER NOT NULL,
    rev             INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    sender_id       INTEGER NOT NULL,
    recipient_id    INTEGER NOT NULL,
    group_id        INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    content         TEXT NOT NULL,
    media_url       TEXT NOT NULL,
    client_msg_id   TEXT,
    sent_at         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX messages_in_order ON messages (conversation_id, seq);
CREATE UNIQUE INDEX messages_once ON messages (client_msg_id, sender_id) WHERE client_msg_id IS NOT NULL;

-- The end of the log of all changes, and the time of the last probe for readiness.
CREATE TABLE log (
    only_row  INTEGER PRIMARY KEY CHECK (only_row = 1),
    position  INTEGER NOT NULL,
    probed_at INTEGER NOT NULL
) STRICT;
INSERT INTO log (only_row, position, probed_at) VALUES (1, 0, 0);
