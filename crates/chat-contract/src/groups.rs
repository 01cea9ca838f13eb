//! Tests that every `GroupStore` must pass.

use std::collections::BTreeSet;

use chat_core::event::Change;
use chat_core::groups::{IdPage, MembersChanged, NewGroup, RemoveMember, Role};
use chat_core::ids::{ConversationId, GroupId, UserId};
use chat_core::messages::Recipient;
use tokio::task::JoinSet;

use super::samples::{ALL, NOW, code};
use super::test_store::Stores;

pub async fn a_group_begins_with_its_owner_alone(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[]).await;
    assert_eq!((group.name.as_str(), group.owner, group.created_at), ("Cheese", tom, NOW));
    let members = node.store.members(tom, group.id, None).await.unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].id, members[0].username.as_str(), members[0].role), (tom, "tom", Role::Owner));
    assert_eq!(node.store.groups_of(tom, None).await.unwrap(), [group]);
    assert_eq!(node.store.groups_of(jerry, None).await.unwrap(), []);
    let nobodys = NewGroup { name: "Ghosts".into(), owner: UserId(99), at: NOW };
    assert_eq!(code(node.store.create_group(nobodys).await), "unauthenticated");
}

pub async fn adding_is_checked_in_the_promised_order(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let nobody = UserId(99);
    assert_eq!(code(node.add(spike, GroupId(99), nobody).await), "group_not_found");
    assert_eq!(code(node.add(spike, group.id, nobody).await), "not_a_member");
    assert_eq!(code(node.add(jerry, group.id, nobody).await), "forbidden");
    assert_eq!(code(node.add(tom, group.id, nobody).await), "user_not_found");
    let events = node.sink.events().len();
    assert_eq!(node.add(tom, group.id, jerry).await.unwrap(), MembersChanged::Already);
    assert_eq!(node.add(tom, group.id, tom).await.unwrap(), MembersChanged::Already);
    assert_eq!(node.sink.events().len(), events, "no change, no event");
    assert_eq!(node.store.members(tom, group.id, None).await.unwrap().len(), 2);
}

pub async fn only_members_look_inside(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, spike] = node.users(["tom", "spike"]).await;
    let group = node.group(tom, &[]).await;
    assert_eq!(code(node.store.members(spike, group.id, None).await), "not_a_member");
    assert_eq!(code(node.store.group_history(spike, group.id, ALL).await), "not_a_member");
    assert_eq!(code(node.store.group_conversation(spike, group.id).await), "not_a_member");
    assert_eq!(code(node.store.members(tom, GroupId(99), None).await), "group_not_found");
    assert_eq!(code(node.store.group_history(tom, GroupId(99), ALL).await), "group_not_found");
    assert_eq!(code(node.store.group_conversation(tom, GroupId(99)).await), "group_not_found");
    assert_eq!(node.store.group_conversation(tom, group.id).await.unwrap(), group.conversation);
}

pub async fn a_new_member_has_everything_before_as_delivered(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[]).await;
    node.say(tom, Recipient::Group(group.id), "before").await;
    node.add(tom, group.id, jerry).await.unwrap();
    assert_eq!(node.undelivered(jerry).await, []);
    let after = node.say(tom, Recipient::Group(group.id), "after").await;
    assert_eq!(node.undelivered(jerry).await, [after]);
    assert_eq!(node.store.group_history(jerry, group.id, ALL).await.unwrap().len(), 2);
}

/// A snapshot with a position equals the sum of the events up to that position. So a client that subscribes to the
/// events first and reads the snapshot then can tell which events it contains.
pub async fn a_snapshot_of_memberships_agrees_with_the_events_up_to_its_position(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let mut writers = JoinSet::new();
    for number in 0..40 {
        let store = node.store.clone();
        writers.spawn(async move {
            let new = NewGroup { name: format!("group {number}"), owner: tom, at: NOW };
            let group = store.create_group(new).await.unwrap().group.id;
            let command = chat_core::groups::AddMember { actor: tom, group, user: jerry, at: NOW };
            store.add_member(command).await.unwrap();
        });
    }
    let mut snapshots = Vec::new();
    while !writers.is_empty() {
        snapshots.push(node.store.memberships(jerry).await.unwrap());
        while writers.try_join_next().is_some_and(|result| result.map(|()| true).unwrap()) {}
    }
    snapshots.push(node.store.memberships(jerry).await.unwrap());
    let events = node.sink.events();
    for snapshot in &snapshots {
        let joined: BTreeSet<_> = events
            .iter()
            .filter(|event| event.position <= snapshot.position)
            .filter_map(|event| match &event.change {
                Change::MemberChanged { conversation, user, .. } if *user == jerry => Some(conversation.id),
                _ => None,
            })
            .collect();
        assert_eq!(BTreeSet::from_iter(snapshot.conversations.iter().copied()), joined);
    }
    assert_eq!(snapshots.last().unwrap().conversations.len(), 40);
}

pub async fn memberships_are_groups_only(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(tom, Recipient::User(jerry), "hi").await;
    assert_eq!(node.store.memberships(tom).await.unwrap().conversations, []);
}

pub async fn pages_of_groups_join_to_the_whole_list_whatever_changes_between_them(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let mut groups = Vec::new();
    for _ in 0..7 {
        groups.push(node.group(tom, &[jerry]).await);
        node.group(tom, &[]).await;
        let other = node.user(&format!("user{}", groups.len())).await;
        node.say(jerry, Recipient::User(other), "neither is a group").await;
    }
    let page = async |after, limit| node.store.groups_of(jerry, Some(IdPage { after, limit })).await.unwrap();
    for limit in [1, 2, 3, 7, 1000] {
        let mut joined = Vec::new();
        let mut after = ConversationId(0);
        loop {
            let entries = page(after, limit).await;
            assert!(entries.len() <= limit.into());
            let Some(last) = entries.last() else { break };
            after = last.conversation;
            joined.extend(entries);
        }
        assert_eq!(joined, node.store.groups_of(jerry, None).await.unwrap(), "pages of {limit}");
        assert_eq!(joined, groups, "pages of {limit}");
    }
    let first = page(ConversationId(0), 3).await;
    // One that was listed, one that was not, and the one where the page ended are left; one is added.
    for left in [1, 2, 5] {
        let command = RemoveMember { actor: jerry, group: groups[left].id, user: jerry };
        node.store.remove_member(command).await.unwrap();
    }
    let added = node.group(tom, &[jerry]).await;
    let rest = page(first[2].conversation, 1000).await;
    assert_eq!(rest, [groups[3].clone(), groups[4].clone(), groups[6].clone(), added]);
    assert_eq!(page(ConversationId(i64::MAX), 5).await, []);
}

pub async fn pages_of_members_join_to_the_whole_list_whatever_changes_between_them(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let users = node.users(["tom", "jerry", "spike", "tyke", "butch", "quacker", "toodles"]).await;
    let [tom, jerry, spike, tyke, butch, quacker, toodles] = users;
    // The order of joining is not that of the ids.
    let group = node.group(tyke, &[butch, tom, quacker, jerry]).await;
    let page = async |reader, after, limit| {
        let page = Some(IdPage { after, limit });
        node.store.members(reader, group.id, page).await
    };
    for limit in [1, 2, 5, 1000] {
        let mut joined = Vec::new();
        let mut after = UserId(0);
        loop {
            let entries = page(jerry, after, limit).await.unwrap();
            assert!(entries.len() <= limit.into());
            let Some(last) = entries.last() else { break };
            after = last.id;
            joined.extend(entries);
        }
        assert_eq!(joined, node.store.members(jerry, group.id, None).await.unwrap(), "pages of {limit}");
        assert!(joined.iter().map(|member| member.id).eq([tom, jerry, tyke, butch, quacker]));
    }
    let first = page(tyke, UserId(0), 2).await.unwrap();
    assert_eq!((first[0].id, first[1].id), (tom, jerry));
    for left in [jerry, butch] {
        node.store.remove_member(RemoveMember { actor: tyke, group: group.id, user: left }).await.unwrap();
    }
    for added in [spike, toodles] {
        node.add(tyke, group.id, added).await.unwrap();
    }
    let rest = page(tyke, jerry, 1000).await.unwrap();
    assert!(rest.iter().map(|member| member.id).eq([spike, tyke, quacker, toodles]), "{rest:?}");
    assert_eq!(code(page(butch, UserId(0), 5).await), "not_a_member");
}
