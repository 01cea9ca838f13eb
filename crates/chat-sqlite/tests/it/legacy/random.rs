//! Files with any values in any columns: opening never fails, keeps what it can, and leaves a sound database.

use proptest::collection::vec;
use proptest::prelude::*;
use rusqlite::types::Value;

use super::file::{GoFile, check_invariants, rows};
use crate::support::SqliteStore;

fn id() -> impl Strategy<Value = Value> {
    prop_oneof![
        20 => (1..6_i64).prop_map(Value::Integer),
        1 => any::<i64>().prop_map(Value::Integer),
        1 => (1..6_i64).prop_map(|id| Value::Text(id.to_string())),
        1 => any::<f64>().prop_map(Value::Real),
        1 => Just(Value::Null),
        1 => Just(Value::Text("tom".into())),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Real),
        any::<String>().prop_map(Value::Text),
        vec(any::<u8>(), 0..8).prop_map(Value::Blob),
    ]
}

fn name() -> impl Strategy<Value = Value> {
    prop_oneof![4 => "[aAbB]{1,2}(-[1-5])?(@x)?".prop_map(Value::Text), 1 => anything()]
}

fn time() -> impl Strategy<Value = Value> {
    let text = "20[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9](:[0-6][0-9](\\.[0-9]{1,9})?)?\
                ( ?[+-][01][0-9]:?[0-5][0-9])?( EAT)?( m=[+][0-9]\\.[0-9])?";
    prop_oneof![4 => text.prop_map(Value::Text), 1 => anything()]
}

fn status() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(&["PENDING", "DELIVERED", "READ"]).prop_map(|text| Value::Text(text.into())),
        1 => anything(),
    ]
}

type Rows = Vec<Vec<Value>>;

fn file() -> impl Strategy<Value = [Rows; 4]> {
    let user =
        (id(), name(), name(), anything(), time()).prop_map(|(a, b, c, d, e)| Vec::from([a, b, c, d, e]));
    let group = (id(), name(), id(), time()).prop_map(|(a, b, c, d)| Vec::from([a, b, c, d]));
    let member = (id(), id(), time(), anything()).prop_map(|(a, b, c, d)| Vec::from([a, b, c, d]));
    let message = (0..200_i64, id(), id(), anything(), anything(), anything(), time(), status())
        .prop_map(|(a, b, c, d, e, f, g, h)| Vec::from([Value::Integer(a), b, c, d, e, f, g, h]));
    (vec(user, 0..8), vec(group, 0..5), vec(member, 0..12), vec(message, 0..40))
        .prop_map(|(users, groups, members, messages)| [users, groups, members, messages])
}

fn written(file: &[Rows; 4]) -> GoFile {
    let go = GoFile::loose("");
    let connection = go.connect();
    for (table, rows) in ["users", "groups", "group_members", "messages"].into_iter().zip(file) {
        for row in rows {
            let placeholders = ["?"].repeat(row.len()).join(", ");
            let sql = format!("INSERT INTO {table} VALUES ({placeholders})");
            connection.execute(&sql, rusqlite::params_from_iter(row)).unwrap();
        }
    }
    go
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_file_opens_and_is_sound_afterwards(file in file()) {
        let go = written(&file);
        let before = go.rows();
        let node = SqliteStore::open(&go.path).unwrap();
        check_invariants(&node);
        prop_assert_eq!(rows(node.backup.as_ref().unwrap()), before);
        let after = rows(&node.path);
        prop_assert!(after["messages"].len() <= file[3].len());
        drop(node);
        let node = SqliteStore::open(&go.path).unwrap();
        prop_assert!(node.backup.is_none());
        prop_assert_eq!(rows(&node.path), after);
    }
}
