//! The tables that are copied: everything that cannot be derived and is not short-lived. Each store has a test that
//! compares this list with its own tables, so that a new column cannot be forgotten here.

use super::Value;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A boolean.
    Flag,
    /// A number.
    Integer,
    Text,
    Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether it may be null.
    pub is_optional: bool,
}

/// A table. Its first columns are its key, by which every store can sort: texts in a key have no collation of their
/// own.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    /// Number of its columns that form the key.
    pub n_keys: usize,
    pub columns: &'static [Column],
}

impl Table {
    /// Returns the columns that form the key.
    #[must_use]
    pub fn key(&self) -> &'static [Column] {
        &self.columns[..self.n_keys]
    }

    /// Returns the key of a row.
    #[must_use]
    pub fn key_of<'a>(&self, row: &'a [Value]) -> &'a [Value] {
        &row[..self.n_keys]
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, is_optional: false }
}

const fn number(name: &'static str) -> Column {
    column(name, Kind::Integer)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn flag(name: &'static str) -> Column {
    column(name, Kind::Flag)
}

const fn optional(column: Column) -> Column {
    Column { is_optional: true, ..column }
}

/// The tables, in the order in which they are copied; the largest come last.
pub static TABLES: [Table; 19] = [
    Table {
        name: "users",
        n_keys: 1,
        columns: &[
            number("id"),
            text("username"),
            text("username_key"),
            text("email"),
            text("email_key"),
            text("password_hash"),
            number("created_at"),
            number("tokens_from"),
            flag("demo"),
        ],
    },
    Table {
        name: "revoked_tokens",
        n_keys: 1,
        columns: &[column("fingerprint", Kind::Bytes), number("user_id"), number("expires_at")],
    },
    Table { name: "last_seen", n_keys: 1, columns: &[number("user_id"), number("at")] },
    Table {
        name: "conversations",
        n_keys: 1,
        columns: &[
            number("id"),
            number("last_seq"),
            number("rev"),
            number("n_members"),
            number("created_at"),
            number("position"),
            number("meta_position"),
            number("receipts_position"),
        ],
    },
    Table {
        name: "directs",
        n_keys: 2,
        columns: &[number("low"), number("high"), number("conversation_id")],
    },
    Table {
        name: "groups",
        n_keys: 1,
        columns: &[
            number("id"),
            number("conversation_id"),
            text("name"),
            number("owner_id"),
            number("created_at"),
        ],
    },
    Table {
        name: "members",
        n_keys: 2,
        columns: &[
            number("conversation_id"),
            number("user_id"),
            text("role"),
            number("delivered_seq"),
            number("read_seq"),
            number("joined_at"),
            number("joined_position"),
            number("state_position"),
            number("pointers_position"),
            flag("marked_unread"),
            optional(number("muted_until")),
            flag("archived"),
            flag("pinned"),
        ],
    },
    Table {
        name: "drafts",
        n_keys: 2,
        columns: &[number("user_id"), number("conversation_id"), text("content")],
    },
    Table {
        name: "departures",
        n_keys: 2,
        columns: &[
            number("user_id"),
            number("conversation_id"),
            number("position"),
            optional(number("as_of")),
            optional(number("rev")),
            optional(number("owner_id")),
        ],
    },
    Table {
        name: "hidden_messages",
        n_keys: 2,
        columns: &[number("user_id"), number("message_id"), number("conversation_id"), number("position")],
    },
    Table {
        name: "saved_messages",
        n_keys: 2,
        columns: &[number("user_id"), number("message_id"), flag("saved"), number("position")],
    },
    Table {
        name: "thread_pointers",
        n_keys: 2,
        columns: &[number("user_id"), number("thread_id"), number("read_seq")],
    },
    Table {
        name: "mentions",
        n_keys: 3,
        columns: &[number("conversation_id"), number("user_id"), number("seq")],
    },
    Table {
        name: "message_versions",
        n_keys: 1,
        columns: &[number("id"), number("message_id"), number("since"), text("content")],
    },
    Table {
        name: "message_changes",
        n_keys: 1,
        columns: &[number("message_id"), number("conversation_id"), number("position"), text("event")],
    },
    Table {
        name: "reactions",
        n_keys: 3,
        columns: &[number("message_id"), text("emoji"), number("user_id"), number("at"), number("position")],
    },
    Table {
        name: "feed_readers",
        n_keys: 1,
        columns: &[text("name"), number("epoch"), number("position"), number("added_at")],
    },
    Table {
        name: "feed",
        n_keys: 1,
        columns: &[
            number("position"),
            number("at"),
            text("kind"),
            optional(number("conversation_id")),
            optional(number("message_id")),
            optional(number("user_id")),
            optional(number("actor_id")),
        ],
    },
    Table { name: "messages", n_keys: 1, columns: MESSAGES },
];

const MESSAGES: &[Column] = &[
    number("id"),
    number("conversation_id"),
    number("seq"),
    number("rev"),
    number("position"),
    number("sender_id"),
    number("recipient_id"),
    number("group_id"),
    text("kind"),
    text("content"),
    text("media_url"),
    optional(text("client_msg_id")),
    number("sent_at"),
    optional(number("reply_to")),
    optional(number("thread_id")),
    number("n_replies"),
    optional(number("last_reply_at")),
    number("n_reactions"),
    optional(number("edited_at")),
    optional(number("deleted_at")),
    optional(number("pinned_at")),
    optional(number("pinned_by")),
    optional(text("streaming")),
    optional(text("extra")),
    optional(column("intention", Kind::Bytes)),
];
