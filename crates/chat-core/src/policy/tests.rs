//! The whole table, and the decisions beside it.

use std::fmt::Write;

use super::*;
use crate::conversations::ConversationAccess;
use crate::ids::{ConversationId, GroupId, MessageId};
use crate::posting;

/// Lists every value of an enum. Does not compile if a value is missing in the list.
macro_rules! every {
    ($all:ident: $enum:ident = $($value:ident),+ $(,)?) => {
        const $all: &[$enum] = &[$($enum::$value),+];
        const _: fn($enum) = |value| match value {
            $($enum::$value => (),)+
        };
    };
}
every!(ACTIONS: Action = Read, Post, React, Pin, Edit, Delete, Trace, AddMember, RemoveMember, Rename, ChangeRole);
every!(ROLES: Role = Owner, Admin, Member);
every!(BETWEEN: Between = Group, Pair);

const TOM: UserId = UserId(1);
const JERRY: UserId = UserId(2);

fn access(membership: Option<(Between, Role)>) -> Access {
    Access::of(membership.map(|(between, role)| Membership::new(role, between)))
}

/// A message in a conversation of which Tom is a member.
fn message(sender: UserId) -> Message {
    let command = posting::PostMessage::plain(Recipient::Group(GroupId(1)), "hi".into(), String::new());
    let limits = crate::Limits::default();
    let new = posting::checked(sender, command, &limits, crate::time::Timestamp(0)).unwrap();
    posting::draft(
        &new,
        ConversationAccess {
            id: ConversationId(1),
            to: Recipient::Group(GroupId(1)),
            access: Access::of(None),
        },
        None,
    )
}

/// The expected entry for the table below.
fn cell(membership: Option<(Between, Role)>, action: Action) -> &'static str {
    let plain = allowed(access(membership), action);
    let with =
        |sender| access(membership).to(&message(sender), TOM).and_then(|access| allowed(access, action));
    match (plain, with(JERRY), with(TOM)) {
        (Ok(()), Ok(()), Ok(())) => "yes",
        (Err(Error::Forbidden(_)), Err(Error::Forbidden(_)), Ok(())) => "own",
        (Err(Error::Forbidden(_)), Err(Error::Forbidden(_)), Err(Error::Forbidden(_))) => "-",
        (Err(Error::NotMember), Err(Error::NotFound(Kind::Message)), Err(Error::NotFound(Kind::Message))) => {
            "none"
        }
        other => panic!("{membership:?} {action:?}: {other:?}"),
    }
}

/// `own`: only on one's own messages. `none`: not found, because the user is not a member.
const MATRIX: &str = "
                Group Owner  Group Admin  Group Member  Pair Owner  Pair Admin  Pair Member  non-member
Read            yes          yes          yes           yes         yes         yes          none
Post            yes          yes          yes           yes         yes         yes          none
React           yes          yes          yes           yes         yes         yes          none
Pin             yes          yes          yes           yes         yes         yes          none
Edit            own          own          own           own         own         own          none
Delete          yes          yes          own           own         own         own          none
Trace           yes          yes          own           own         own         own          none
AddMember       yes          yes          -             -           -           -            none
RemoveMember    yes          yes          -             -           -           -            none
Rename          yes          yes          -             -           -           -            none
ChangeRole      yes          -            -             -           -           -            none
";

#[test]
fn permissions_are_those_of_the_matrix() {
    let members = BETWEEN.iter().flat_map(|between| ROLES.iter().map(move |role| Some((*between, *role))));
    let columns: Vec<_> = members.chain([None]).collect();
    let name = |column: &Option<(Between, Role)>| {
        column.map_or("non-member".to_owned(), |(between, role)| format!("{between:?} {role:?}"))
    };
    let mut matrix = format!("\n{:14}", "");
    columns.iter().for_each(|column| write!(matrix, "  {}", name(column)).unwrap());
    for action in ACTIONS {
        write!(matrix, "\n{:14}", format!("{action:?}")).unwrap();
        for column in &columns {
            write!(matrix, "  {:width$}", cell(*column, *action), width = name(column).len()).unwrap();
        }
        matrix.truncate(matrix.trim_end().len());
    }
    matrix.push('\n');
    assert_eq!(matrix, MATRIX, "{matrix}");
}

#[test]
fn a_refusal_says_who_may() {
    for (action, sentence) in [
        (Action::Edit, "Only its author may edit a message"),
        (Action::Delete, "Only its author, the owner or an admin may delete a message for everyone"),
        (Action::ChangeRole, "Only the owner may change roles"),
    ] {
        let refusal = allowed(access(Some((Between::Group, Role::Member))), action).unwrap_err();
        assert_eq!(refusal.to_string(), sentence);
    }
}

#[test]
fn an_admin_removes_members_and_only_the_owner_removes_admins() {
    let in_group = |role| access(Some((Between::Group, role)));
    assert!(may_remove(in_group(Role::Admin), Role::Member).is_ok());
    assert!(may_remove(in_group(Role::Admin), Role::Admin).is_err());
    assert!(may_remove(in_group(Role::Admin), Role::Owner).is_err());
    assert!(may_remove(in_group(Role::Owner), Role::Admin).is_ok());
    assert!(may_remove(in_group(Role::Member), Role::Member).is_err());
    assert!(may_remove(access(Some((Between::Pair, Role::Owner))), Role::Member).is_err());
    assert!(matches!(may_remove(access(None), Role::Member), Err(Error::NotMember)));
}

#[test]
fn messages_are_not_found_by_users_who_are_not_members() {
    let id = |message: Message| message.id;
    assert!(matches!(access(None).of_member(), Err(Error::NotFound(Kind::Conversation))));
    assert!(matches!(access(None).to(&message(TOM), TOM), Err(Error::NotFound(Kind::Message))));
    let member = access(Some((Between::Pair, Role::Member)));
    assert!(member.of_member().is_ok() && member.to(&message(JERRY), TOM).is_ok());
    assert_eq!(shown(id(message(JERRY)), false).unwrap(), MessageId(0));
    assert!(matches!(shown(id(message(JERRY)), true), Err(Error::NotFound(Kind::Message))));
}
