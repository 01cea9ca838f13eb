//! Rows that no careful server would have written.

use std::collections::BTreeMap;

use chat_core::accounts::{AccountQuery, LoginName};
use chat_core::ids::{GroupId, UserId};
use chat_core::messages::Recipient;
use chat_core::time::Timestamp;

use super::file::{GoFile, check_invariants};
use crate::support::SqliteStore;
use chat_contract::{ALL, contents, ids, message, newest};

const SECOND: i64 = 1_000_000;

async fn accounts(node: &SqliteStore) -> BTreeMap<i64, (String, String)> {
    let query = AccountQuery { prefix: None, after: UserId(0), limit: 1000 };
    let accounts = node.store.accounts(query).await.unwrap();
    accounts.into_iter().map(|account| (account.id.0, (account.username, account.email))).collect()
}

#[tokio::test]
async fn the_lowest_id_keeps_a_name_and_the_others_get_theirs_appended() {
    let go = GoFile::loose(&format!(
        "INSERT INTO users VALUES
            (1, 'Tom', 'tom@temp.com', 'h', 0),
            (2, 'TOM', 'TOM@temp.com', 'h', 0),
            (3, 'tom', 'other@temp.com', 'h', 0),
            (4, 'Tom-2', 'no address', 'h', 0),
            (5, 'fifth', 'NO ADDRESS', 'h', 0),
            (6, '{long}', 'six@temp.com', 'h', 0),
            (77, '{long}', 'seven@temp.com', 'h', 0),
            (78, 'Jérôme', 'jérôme@temp.com', 'h', 0),
            (79, 'JÉRÔME', 'JÉRÔME@temp.com', 'h', 0);",
        long = "猫".repeat(32),
    ));
    let node = SqliteStore::open(&go.path).unwrap();
    let accounts = accounts(&node).await;
    let account = |id: i64| (accounts[&id].0.as_str(), accounts[&id].1.as_str());
    assert_eq!(account(1), ("Tom", "tom@temp.com"));
    assert_eq!(account(2), ("TOM-2-2", "TOM+2@temp.com"), "user 4 has the first choice");
    assert_eq!(account(3), ("tom-3", "other@temp.com"));
    assert_eq!(account(4), ("Tom-2", "no address"));
    assert_eq!(account(5), ("fifth", "NO ADDRESS+5"));
    assert_eq!(account(6).0, "猫".repeat(32));
    assert_eq!(account(77).0, format!("{}-77", "猫".repeat(29)));
    assert_eq!(account(79), ("JÉRÔME-79", "JÉRÔME+79@temp.com"));
    let found = node.store.credentials(LoginName::Username("TOM".into())).await.unwrap().unwrap();
    assert_eq!(found.account.id, UserId(1));
    check_invariants(&node);
}

#[tokio::test]
async fn names_that_could_not_be_registered_today_are_kept() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES
            (1, 'al', 'x', 'h', 0),
            (2, '', '', 'h', 0),
            (3, NULL, NULL, NULL, NULL),
            (4, X'746f6dff', X'e9', X'24326124', NULL),
            (5, 12345, 6.5, 7, NULL),
            (NULL, 'no id', 'n@temp.com', 'h', 0),
            (0, 'zero', 'z@temp.com', 'h', 0),
            (-1, 'minus', 'm@temp.com', 'h', 0),
            (9223372036854775807, 'last', 'l@temp.com', 'h', 0);",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let wanted = [
        (1, "al", "x"),
        (2, "", ""),
        (3, "user-3", "user-3@migrated.invalid"),
        (4, "tom\u{fffd}", "\u{fffd}"),
        (5, "12345", "6.5"),
    ];
    let wanted = wanted.map(|(id, name, email)| (id, (name.to_owned(), email.to_owned())));
    assert_eq!(accounts(&node).await, BTreeMap::from(wanted));
    let hash = async |name: &str| {
        let found = node.store.credentials(LoginName::Username(name.into())).await.unwrap();
        found.unwrap().password_hash
    };
    assert_eq!([hash("user-3").await, hash("tom\u{fffd}").await], ["!", "$2a$"]);
    assert_eq!(node.user("spike").await, UserId(6));
}

#[tokio::test]
async fn the_ids_of_removed_messages_are_not_used_again() {
    let go = GoFile::new(
        "INSERT INTO users VALUES (1, 'tom', 'tom@temp.com', 'h', 0), (2, 'jerry', 'j@temp.com', 'h', 0);
         INSERT INTO messages VALUES
            (1, 1, 2, 'text', 'stays', NULL, 1761399699, 'PENDING'),
            (7, 1, 2, 'text', 'goes', NULL, 1761399700, 'PENDING');
         DELETE FROM messages WHERE id = 7;",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let next = node.post(message(UserId(1), Recipient::User(UserId(2)), "new")).await;
    assert_eq!(next.id.0, 8);
    check_invariants(&node);
}

#[tokio::test]
async fn messages_of_users_who_are_gone_survive_under_a_placeholder() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES (1, 'tom', 'tom@temp.com', 'h', 0), (2, 'deleted-user-7', 'j@temp.com', 'h', 0);
         INSERT INTO messages VALUES
            (1, 1, 7, 'text', 'to nobody', NULL, 1761399699, 'PENDING'),
            (2, 7, 1, 'text', 'from nobody', NULL, 1761399700, 'PENDING'),
            (3, 8, 9, 'text', 'between nobodies', NULL, 1761399701, 'READ');",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let accounts = accounts(&node).await;
    assert_eq!(accounts[&7], ("deleted-user-7-7".to_owned(), "deleted-user-7@migrated.invalid".to_owned()));
    assert_eq!(accounts[&8].0, "deleted-user-8");
    let history = node.store.direct_history(UserId(1), UserId(7), ALL).await.unwrap();
    assert_eq!(contents(&history), ["to nobody", "from nobody"]);
    let history = node.store.direct_history(UserId(9), UserId(8), ALL).await.unwrap();
    assert_eq!(contents(&history), ["between nobodies"]);
    let found = node.store.credentials(LoginName::Username("deleted-user-8".into())).await.unwrap().unwrap();
    assert_eq!(found.password_hash, "!", "no password matches");
    assert_eq!(node.user("spike").await, UserId(10));
    check_invariants(&node);
}

#[tokio::test]
async fn messages_that_belong_nowhere_stay_in_the_backup() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES (1, 'tom', 'tom@temp.com', 'h', 0), (2, 'jerry', 'j@temp.com', 'h', 0);
         INSERT INTO messages VALUES
            (1, 1, 1, 'text', 'to himself', NULL, 1, 'PENDING'),
            (2, 1, NULL, 'text', 'to NULL', NULL, 1, 'PENDING'),
            (3, NULL, 1, 'text', 'from NULL', NULL, 1, 'PENDING'),
            (4, 1, 0, 'text', 'to 0', NULL, 1, 'PENDING'),
            (5, 1, -2, 'text', 'to -2', NULL, 1, 'PENDING'),
            (6, 1, 9223372036854775807, 'text', 'to the last id there is', NULL, 1, 'PENDING'),
            (7, 1, 'jerry', 'text', 'to a name', NULL, 1, 'PENDING'),
            (8, '1', 2.0, 'text', 'kept', NULL, 1, 'PENDING'),
            (8, 1, 2, 'text', 'an id twice', NULL, 1, 'PENDING'),
            (NULL, 1, 2, 'text', 'no id', NULL, 1, 'PENDING');",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let last = node.store.last_of_each(UserId(1), newest(100)).await.unwrap();
    assert_eq!((contents(&last), ids(&last)), (vec!["kept"], vec![8]));
    assert_eq!(last[0].seq.0, 1);
    assert_eq!(super::file::rows(node.backup.as_ref().unwrap())["messages"].len(), 10);
    assert_eq!(accounts(&node).await.len(), 2);
    assert_eq!(node.user("spike").await, UserId(3));
    check_invariants(&node);
}

#[tokio::test]
async fn kind_text_and_media_are_read_from_whatever_is_there() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES (1, 'tom', 'tom@temp.com', 'h', 0), (2, 'jerry', 'j@temp.com', 'h', 0);
         INSERT INTO messages VALUES
            (1, 1, 2, '', 'a', NULL, 0, ''),
            (2, 1, 2, NULL, 'b', 'https://x/y', 0, NULL),
            (3, 1, 2, 'p2p_message', 'c', '', 0, 'strange'),
            (4, 1, 2, 'group_message', 'd', 'https://x/y', 0, 'DELIVERED'),
            (5, 1, 2, 'carrier pigeon', '', '', 0, 'DELIVERED'),
            (6, 1, 2, 'IMAGE', NULL, NULL, 0, 'delivered'),
            (7, 1, 2, 'text', X'636166e9', 'https://x/y', 0, 7),
            (8, 1, 2, 7, 42, X'ff', 0, 'DELIVERED'),
            (9, 1, 2, 'video', CAST(X'61ff62' AS TEXT), 'https://x/y', 0, 'DELIVERED');",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let history = node.store.direct_history(UserId(1), UserId(2), ALL).await.unwrap();
    let kinds: Vec<_> = history.iter().map(|message| message.kind.as_str()).collect();
    assert_eq!(kinds, ["text", "image", "text", "image", "text", "image", "text", "image", "video"]);
    assert_eq!(contents(&history), ["a", "b", "c", "d", "", "", "caf\u{fffd}", "42", "a\u{fffd}b"]);
    assert_eq!(history[7].media_url(), "\u{fffd}");
    assert!(history.iter().all(|message| message.status.as_str() == "DELIVERED"));
}

#[tokio::test]
async fn columns_that_early_versions_did_not_have_are_not_missed() {
    let go = GoFile::made_by(
        "CREATE TABLE users (id INTEGER PRIMARY KEY, Username TEXT, EMAIL TEXT, password TEXT);
         CREATE TABLE messages (id INTEGER PRIMARY KEY, sender_id INTEGER, recipient_id INTEGER, content TEXT);
         INSERT INTO users VALUES (1, 'tom', 'tom@temp.com', 'h'), (2, 'jerry', 'j@temp.com', 'h');
         INSERT INTO messages VALUES (1, 1, 2, 'plain');",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let history = node.store.direct_history(UserId(1), UserId(2), ALL).await.unwrap();
    assert_eq!((contents(&history), history[0].sent_at), (vec!["plain"], Timestamp(0)));
    assert_eq!(node.undelivered(UserId(2)).await, []);
    assert_eq!(node.store.groups_of(UserId(1), None).await.unwrap(), []);
    check_invariants(&node);
}

#[tokio::test]
async fn an_unreadable_time_is_that_of_the_message_before() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES
            (1, 'tom', 'tom@temp.com', 'h', 'yesterday'),
            (2, 'jerry', 'j@temp.com', 'h', '2025-10-25 16:41:39 +0300 EAT m=+0.1');
         INSERT INTO messages VALUES
            (1, 1, 2, 'text', 'a', NULL, NULL, 'READ'),
            (2, 1, 2, 'text', 'b', NULL, '2025-10-25T13:41:39Z', 'READ'),
            (3, 1, 2, 'text', 'c', NULL, 'soon', 'READ'),
            (4, 1, 2, 'text', 'd', NULL, '0001-01-01 00:00:00+00:00', 'READ'),
            (5, 1, 2, 'text', 'e', NULL, 1761399700, 'READ'),
            (6, 1, 2, 'text', 'f', NULL, 1761399701000, 'READ'),
            (7, 1, 2, 'text', 'g', NULL, X'ff', 'READ');",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let history = node.store.direct_history(UserId(1), UserId(2), ALL).await.unwrap();
    let seconds: Vec<_> = history.iter().map(|message| message.sent_at.0 / SECOND - 1_761_399_699).collect();
    assert_eq!(seconds, [0, 0, 0, 0, 1, 2, 2]);
    let tom = node.store.account(UserId(1)).await.unwrap().unwrap();
    assert_eq!(tom.created_at, Timestamp(1_761_399_699 * SECOND), "the first readable time replaces it");
}

#[tokio::test]
async fn a_number_is_a_group_for_its_members_and_a_user_for_others() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES
            (1, 'tom', 'tom@temp.com', 'h', 0), (2, 'jerry', 'j@temp.com', 'h', 0),
            (3, 'spike', 's@temp.com', 'h', 0);
         INSERT INTO groups VALUES (1, 'one', 1, 0), (2, 'two', 3, 0), (5, 'five', 1, 0);
         INSERT INTO group_members VALUES (1, 1, 0, 1), (1, 2, 0, 0), (2, 3, 0, 1), (5, 60, 0, 0), (9, 1, 0, 0);
         INSERT INTO messages VALUES
            (1, 2, 1, 'text', 'Jerry to group 1', NULL, 0, ''),
            (2, 3, 1, 'text', 'Spike to user 1', NULL, 0, ''),
            (3, 1, 1, 'text', 'Tom to group 1', NULL, 0, ''),
            (4, 1, 2, 'text', 'Tom to user 2', NULL, 0, ''),
            (5, 3, 2, 'text', 'Spike to group 2', NULL, 0, ''),
            (6, 2, 2, 'text', 'Jerry to himself: dropped', NULL, 0, ''),
            (7, 60, 5, 'text', 'a member who is gone to group 5', NULL, 0, ''),
            (8, 1, 5, 'text', 'Tom, who owns group 5 without being its member, to user 5', NULL, 0, ''),
            (9, 1, 9, 'text', 'Tom to user 9: there is no group 9', NULL, 0, '');",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let group = async |reader: i64, group: i64| {
        ids(&node.store.group_history(UserId(reader), GroupId(group), ALL).await.unwrap())
    };
    let direct = async |reader: i64, other: i64| {
        ids(&node.store.direct_history(UserId(reader), UserId(other), ALL).await.unwrap())
    };
    assert_eq!(group(1, 1).await, [1, 3]);
    assert_eq!(group(3, 2).await, [5]);
    assert_eq!(group(1, 5).await, [7]);
    assert_eq!(direct(3, 1).await, [2]);
    assert_eq!(direct(1, 2).await, [4]);
    assert_eq!(direct(1, 5).await, [8]);
    assert_eq!(direct(1, 9).await, [9]);
    assert_eq!(node.undelivered(UserId(1)).await, [], "group messages count as delivered");
    check_invariants(&node);
}

#[tokio::test]
async fn every_group_has_an_owner_and_every_member_a_role() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES
            (1, 'tom', 'tom@temp.com', 'h', 0), (2, 'jerry', 'j@temp.com', 'h', 0),
            (3, 'spike', 's@temp.com', 'h', 0);
         INSERT INTO groups VALUES
            (1, 'owner is no member', 1, 0), (2, 'owner is gone', 77, 0), (3, NULL, NULL, 0), (4, 'empty', 0, 0),
            (5, '', 'tom', 'whenever'), (NULL, 'no id', 1, 0);
         INSERT INTO group_members VALUES
            (1, 2, NULL, 'true'), (1, 3, 'x', NULL), (1, 2, 0, 0), (1, 88, 0, 1), (1, NULL, 0, 1), (NULL, 1, 0, 1),
            (2, 77, 0, 0), (2, 1, 0, '1'), (3, 1, 0, '0'), (3, 2, 0, 1), (3, 3, 0, 'TRUE'), (5, 3, 0, 0),
            (5, 2, 0, 'no'), (42, 1, 0, 1);",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let members = async |reader: i64, group: i64| {
        let members = node.store.members(UserId(reader), GroupId(group), None).await.unwrap();
        members.iter().map(|member| format!("{} {}", member.id, member.role.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(members(1, 1).await, ["1 owner", "2 admin", "3 member"]);
    assert_eq!(members(1, 2).await, ["1 admin", "77 owner"]);
    assert_eq!(members(1, 3).await, ["1 member", "2 owner", "3 admin"]);
    assert_eq!(members(2, 5).await, ["2 owner", "3 member"]);
    let names: Vec<_> =
        node.store.groups_of(UserId(2), None).await.unwrap().into_iter().map(|group| group.name).collect();
    assert_eq!(names, ["owner is no member", "group-3", ""]);
    assert_eq!(
        node.group(UserId(1), &[]).await.id,
        GroupId(6),
        "group 4 keeps its number, though nobody sees it"
    );
    check_invariants(&node);
}

#[tokio::test]
async fn pointers_stop_before_the_first_message_with_less_progress() {
    let go = GoFile::loose(
        "INSERT INTO users VALUES
            (1, 'tom', 'tom@temp.com', 'h', 0), (2, 'jerry', 'j@temp.com', 'h', 0),
            (3, 'spike', 's@temp.com', 'h', 0);
         INSERT INTO messages VALUES
            (1, 1, 2, '', 'read', '', 0, 'READ'),
            (2, 2, 1, '', 'pending for Tom', '', 0, 'PENDING'),
            (3, 1, 2, '', 'read', '', 0, 'read'),
            (4, 1, 2, '', 'delivered', '', 0, 'DELIVERED'),
            (5, 1, 2, '', 'read, behind one that is not', '', 0, 'READ'),
            (6, 1, 2, '', 'pending', '', 0, 'PENDING'),
            (7, 1, 2, '', 'delivered, behind one that is not', '', 0, 'DELIVERED'),
            (8, 2, 1, '', 'pending for Tom', '', 0, 'pending'),
            (9, 1, 3, '', 'read', '', 0, 'READ');",
    );
    let node = SqliteStore::open(&go.path).unwrap();
    let history = node.store.direct_history(UserId(1), UserId(2), ALL).await.unwrap();
    let statuses: Vec<_> = history.iter().map(|message| message.status.as_str()).collect();
    assert_eq!(
        statuses,
        ["READ", "PENDING", "READ", "DELIVERED", "DELIVERED", "PENDING", "PENDING", "PENDING"]
    );
    assert_eq!(ids(&node.undelivered(UserId(1)).await), [2, 8]);
    assert_eq!(ids(&node.undelivered(UserId(2)).await), [6, 7]);
    assert_eq!(node.undelivered(UserId(3)).await, []);
    let spikes = node.store.last_of_each(UserId(3), newest(1)).await.unwrap();
    assert_eq!((spikes[0].status.as_str(), spikes[0].to), ("READ", Recipient::User(UserId(3))));
    check_invariants(&node);
}
