//! Creates files as the Go server did, and reads files without the store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use crate::support::SqliteStore;

/// The schema of the Go server.
const STRICT: &str = "
    CREATE TABLE users (
        id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT UNIQUE NOT NULL, email TEXT UNIQUE NOT NULL,
        password TEXT NOT NULL, created_at DATETIME DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE groups (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, owner_id INTEGER NOT NULL,
        created_at DATETIME DEFAULT CURRENT_TIMESTAMP, FOREIGN KEY(owner_id) REFERENCES users(id));
    CREATE TABLE group_members (
        group_id INTEGER, user_id INTEGER, joined_at DATETIME DEFAULT CURRENT_TIMESTAMP,
        is_admin BOOLEAN DEFAULT 0, PRIMARY KEY (group_id, user_id),
        FOREIGN KEY(group_id) REFERENCES groups(id), FOREIGN KEY(user_id) REFERENCES users(id));
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, sender_id INTEGER NOT NULL, recipient_id INTEGER NOT NULL,
        type TEXT, content TEXT, media_url TEXT, timestamp DATETIME, status TEXT DEFAULT 'PENDING',
        FOREIGN KEY(sender_id) REFERENCES users(id));";

/// The same tables without constraints, as in files that were made by hand or by an early version.
const LOOSE: &str = "
    CREATE TABLE users (id INTEGER, username, email, password, created_at);
    CREATE TABLE groups (id INTEGER, name, owner_id, created_at);
    CREATE TABLE group_members (group_id, user_id, joined_at, is_admin);
    CREATE TABLE messages (id INTEGER, sender_id, recipient_id, type, content, media_url, timestamp, status);";

/// A file of the Go server in a folder of its own.
pub struct GoFile {
    pub path: PathBuf,
    folder: TempDir,
}

impl GoFile {
    pub fn new(rows: &str) -> Self {
        Self::made_by(&format!("{STRICT}{rows}"))
    }

    pub fn loose(rows: &str) -> Self {
        Self::made_by(&format!("{LOOSE}{rows}"))
    }

    pub fn made_by(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let go = Self { path: folder.path().join("chatserver.db"), folder };
        go.execute(sql);
        go
    }

    pub fn connect(&self) -> Connection {
        let connection = Connection::open(&self.path).unwrap();
        // Go, which wrote these rows, does not enforce foreign keys.
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        connection
    }

    pub fn execute(&self, sql: &str) {
        self.connect().execute_batch(sql).unwrap();
    }

    pub fn rows(&self) -> BTreeMap<String, Vec<Vec<Value>>> {
        rows(&self.path)
    }

    pub fn backups(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.to_str().unwrap().contains(".backup")).collect()
    }

    pub fn restrict_to_owner(&self) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
}

/// A backup contains password hashes.
pub fn assert_owner_only(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// All rows of a file, by table.
pub fn rows(path: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let connection = Connection::open(path).unwrap();
    let mut tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .unwrap();
    let names: Vec<String> = tables.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    names
        .into_iter()
        .map(|name| {
            let mut statement = connection.prepare(&format!("SELECT * FROM \"{name}\" ORDER BY 1")).unwrap();
            let width = statement.column_count();
            let rows = statement.query_map((), |row| (0..width).map(|column| row.get(column)).collect());
            let rows = rows.unwrap().map(Result::unwrap).collect();
            (name, rows)
        })
        .collect()
}

/// Checks the invariants of a database of ours. Each query looks for rows that break one.
pub fn check_invariants(node: &SqliteStore) {
    let connection = Connection::open(&node.path).unwrap();
    for (rule, sql) in [
        (
            "seqs are 1, 2, 3 … up to last_seq",
            "SELECT 1 FROM conversations c
             LEFT JOIN (SELECT conversation_id, count(*) n, min(seq) low, max(seq) high
                        FROM messages GROUP BY 1) m ON m.conversation_id = c.id
             WHERE coalesce(n, 0) <> last_seq OR coalesce(low, 1) <> 1 OR coalesce(high, 0) <> last_seq",
        ),
        (
            "ids, seqs and positions grow together",
            "SELECT 1 FROM (SELECT id, seq, position, lag(seq) OVER w old_seq, lag(position) OVER w old_position
                            FROM messages WINDOW w AS (PARTITION BY conversation_id ORDER BY id))
             WHERE seq <= old_seq OR position <= old_position",
        ),
        ("positions are unique", "SELECT 1 FROM messages GROUP BY position HAVING count(*) > 1"),
        ("the log ends at the last", "SELECT 1 FROM log WHERE position < (SELECT max(position) FROM messages)"),
        ("no rev is ahead", "SELECT 1 FROM messages m JOIN conversations c ON c.id = conversation_id WHERE m.rev > c.rev"),
        (
            "pointers stay within the conversation",
            "SELECT 1 FROM members m JOIN conversations c ON c.id = m.conversation_id
             WHERE NOT (0 <= read_seq AND read_seq <= delivered_seq AND delivered_seq <= last_seq)",
        ),
        (
            "every user who is referred to exists",
            "SELECT 1 FROM (SELECT sender_id id FROM messages UNION SELECT recipient_id FROM messages
                            UNION SELECT user_id FROM members UNION SELECT owner_id FROM groups)
             WHERE id <> 0 AND id NOT IN (SELECT id FROM users)",
        ),
        (
            "both sides of a direct conversation are its members, and nobody else",
            "SELECT 1 FROM directs d WHERE (SELECT group_concat(user_id) FROM members m
                 WHERE m.conversation_id = d.conversation_id) <> low || ',' || high",
        ),
        (
            "a group has one owner, who is its member",
            "SELECT 1 FROM groups g WHERE owner_id <> 0 AND owner_id IS NOT (SELECT min(user_id) FROM members m
                 WHERE m.conversation_id = g.conversation_id AND role = 'owner' HAVING count(*) = 1)",
        ),
        ("a message has one kind of recipient", "SELECT 1 FROM messages WHERE (recipient_id = 0) = (group_id = 0)"),
        ("nothing of the old tables is left", "SELECT 1 FROM sqlite_schema WHERE name LIKE 'legacy_%'"),
        (
            "sequences are past the ids",
            "SELECT 1 FROM sqlite_sequence WHERE seq < CASE name WHEN 'users' THEN (SELECT max(id) FROM users)
                 WHEN 'groups' THEN (SELECT max(id) FROM groups) END
             UNION SELECT 1 FROM log WHERE last_message < (SELECT max(id) FROM messages)",
        ),
        ("the file is sound", "SELECT 1 FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    ] {
        let broken = connection.prepare(sql).unwrap().exists(()).unwrap();
        assert!(!broken, "broken: {rule}");
    }
}
