//! Tests of files of the earlier Go server: once opened, they are this server's, with everything that was in them.

mod awkward;
mod file;
mod interrupted;
mod random;

use chat_core::accounts::LoginName;
use chat_core::ids::{GroupId, UserId};
use chat_core::messages::{Recipient, Status};
use chat_core::time::Timestamp;

use crate::support::SqliteStore;
use chat_contract::{ALL, contents, ids, newest, seqs};
use file::GoFile;

/// The demo users, a group and a few messages, as the Go server wrote them.
const ORDINARY: &str = "
    INSERT INTO users VALUES
        (1, 'tom', 'tom@temp.com', '$2a$10$hash-of-tom', '2025-10-25 16:41:39.962541122+03:00'),
        (2, 'jerry', 'jerry@temp.com', '$2a$10$hash-of-jerry', '2025-10-25 13:41:39'),
        (3, 'spike', 'spike@temp.com', '$2a$10$hash-of-spike', '2025-10-25 13:41:39');
    INSERT INTO groups VALUES (1, 'Cheese', 1, '2025-10-25 16:41:40.5+03:00');
    INSERT INTO group_members VALUES (1, 1, '2025-10-25 16:41:40.5+03:00', 1), (1, 3, '2025-10-25 13:50:00', 0);
    INSERT INTO messages VALUES
        (5, 1, 2, 'text', 'hello', '', '2025-10-25 16:42:00+03:00', 'READ'),
        (6, 2, 1, 'text', 'hi', '', '2025-10-25 16:43:00+03:00', 'DELIVERED'),
        (7, 1, 2, 'image', 'A special photo for you, Jerry!', 'https://cdn.example.com/cheese.png',
         '2025-10-25 16:44:00+03:00', 'PENDING'),
        (9, 3, 1, 'group_message', 'to the group, of which Spike is a member', '', 1761399900, 'SENT');";

#[tokio::test]
async fn users_groups_and_messages_keep_their_ids_and_can_be_read() {
    let go = GoFile::new(ORDINARY);
    let node = SqliteStore::open(&go.path).unwrap();
    let (tom, jerry, spike, cheese) = (UserId(1), UserId(2), UserId(3), GroupId(1));

    let found = node.store.credentials(LoginName::Email("TOM@temp.com".into())).await.unwrap().unwrap();
    assert_eq!((found.account.id, found.password_hash.as_str()), (tom, "$2a$10$hash-of-tom"));
    assert_eq!(found.account.created_at, Timestamp(1_761_399_699_962_541));
    let groups = node.store.groups_of(spike, None).await.unwrap();
    assert_eq!((groups[0].id, groups[0].name.as_str(), groups[0].owner), (cheese, "Cheese", tom));
    let members = node.store.members(spike, cheese, None).await.unwrap();
    assert_eq!(
        members.iter().map(|m| (m.id.0, m.role.as_str())).collect::<Vec<_>>(),
        [(1, "owner"), (3, "member")]
    );

    let direct = node.store.direct_history(tom, jerry, ALL).await.unwrap();
    assert_eq!((ids(&direct), seqs(&direct)), (vec![5, 6, 7], vec![1, 2, 3]));
    assert_eq!(
        direct.iter().map(|m| m.status).collect::<Vec<_>>(),
        [Status::Read, Status::Delivered, Status::Pending]
    );
    assert_eq!(
        (direct[2].kind.as_str(), direct[2].media_url()),
        ("image", "https://cdn.example.com/cheese.png")
    );
    assert_eq!(direct[0].to, Recipient::User(jerry));
    let grouped = node.store.group_history(tom, cheese, ALL).await.unwrap();
    assert_eq!((ids(&grouped), seqs(&grouped)), (vec![9], vec![1]));
    assert_eq!(
        (grouped[0].to, grouped[0].sent_at),
        (Recipient::Group(cheese), Timestamp(1_761_399_900_000_000))
    );

    assert_eq!(ids(&node.store.last_of_each(tom, newest(10)).await.unwrap()), [9, 7]);
    assert_eq!(ids(&node.undelivered(jerry).await), [7]);
    assert_eq!(ids(&node.undelivered(tom).await), [0; 0]);
    node.confirm(jerry, direct[2].conversation, 3).await;
    assert_eq!(ids(&node.undelivered(jerry).await), [0; 0]);
}

#[tokio::test]
async fn new_ids_continue_after_the_largest_that_was_ever_given() {
    let go = GoFile::new(ORDINARY);
    go.execute(
        "INSERT INTO users VALUES (40, 'gone', 'gone@temp.com', 'x', 0); DELETE FROM users WHERE id = 40;
         INSERT INTO messages VALUES (50, 1, 2, 'text', 'gone', '', 0, 'READ'); DELETE FROM messages WHERE id = 50;",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let tyke = node.user("tyke").await;
    assert_eq!(tyke, UserId(41));
    let group = node.group(tyke, &[UserId(1)]).await;
    assert_eq!(group.id, GroupId(2));
    let message = node.say(UserId(1), Recipient::User(UserId(2)), "new").await;
    assert_eq!((message.id.0, message.seq.0), (51, 4));
    let message = node.say(UserId(1), Recipient::Group(GroupId(1)), "new").await;
    assert_eq!(message.seq.0, 2);
    let positions: Vec<_> = node.sink.events().iter().map(|event| event.position.0).collect();
    assert!(positions.is_sorted() && positions[0] > 4, "{positions:?}");
    file::check_invariants(&node);
}

#[tokio::test]
async fn the_backup_is_the_file_as_it_was() {
    let go = GoFile::new(ORDINARY);
    go.restrict_to_owner();
    let before = go.rows();
    let node = SqliteStore::open(&go.path).unwrap();
    let backup = node.backup.clone().expect("a migrated file has a backup");
    assert_eq!(file::rows(&backup), before);
    assert_eq!(before["messages"].len(), 4);
    file::assert_owner_only(&backup);
    drop(node);
    // The backup can be opened too.
    let node = SqliteStore::open(&backup).unwrap();
    assert_eq!(node.store.last_of_each(UserId(1), newest(10)).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_second_opening_changes_nothing() {
    let go = GoFile::new(ORDINARY);
    assert!(SqliteStore::open(&go.path).unwrap().backup.is_some());
    let before = go.rows();
    let node = SqliteStore::open(&go.path).unwrap();
    assert!(node.backup.is_none());
    assert_eq!(go.backups().len(), 1);
    let history = node.store.direct_history(UserId(1), UserId(2), ALL).await.unwrap();
    assert_eq!(contents(&history), ["hello", "hi", "A special photo for you, Jerry!"]);
    // Ignores the mark of a file that is being served.
    drop(node);
    assert_eq!(go.rows(), before);
}

#[tokio::test]
async fn files_in_wal_mode_and_with_more_in_them_are_taken_over_too() {
    let go = GoFile::new(ORDINARY);
    go.execute(
        "PRAGMA journal_mode = WAL;
         CREATE INDEX idx_messages_sender ON messages(sender_id);
         CREATE VIEW broken AS SELECT no_column FROM no_table;
         CREATE TRIGGER watch AFTER DELETE ON messages BEGIN DELETE FROM users; END;
         CREATE TABLE schema_migrations (version INTEGER);
         INSERT INTO schema_migrations VALUES (3);",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    assert_eq!(node.store.last_of_each(UserId(1), newest(10)).await.unwrap().len(), 2);
    file::check_invariants(&node);
}
