//! Tests of `GroupStore` on leaving, removing, roles and names.

use chat_core::conversations::{ConversationKind, OwnChange};
use chat_core::event::Change;
use chat_core::groups::{ChangeRole, MembersChanged, NewGroup, RemoveMember, Role};
use chat_core::ids::{ConversationId, GroupId, Rev, UserId};
use chat_core::messages::Recipient;

use super::samples::{NOW, code};
use super::test_store::{Stores, TestStore};

async fn remove(
    node: &TestStore,
    actor: UserId,
    group: GroupId,
    user: UserId,
) -> chat_core::Result<MembersChanged> {
    node.store.remove_member(RemoveMember { actor, group, user }).await
}

async fn role(
    node: &TestStore,
    actor: UserId,
    group: GroupId,
    (user, role): (UserId, Role),
) -> chat_core::Result<MembersChanged> {
    node.store.change_role(ChangeRole { actor, group, user, role }).await
}

async fn roles(node: &TestStore, reader: UserId, group: GroupId) -> Vec<(UserId, Role)> {
    let members = node.store.members(reader, group, None).await.unwrap();
    members.iter().map(|member| (member.id, member.role)).collect()
}

async fn rev(node: &TestStore, reader: UserId, id: ConversationId) -> Rev {
    node.store.conversation(reader, id).await.unwrap().conversation.rev
}

pub async fn every_change_of_the_group_counts_and_so_do_its_members(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let new = NewGroup { name: "Cheese".into(), owner: tom, at: NOW };
    let created = node.store.create_group(new).await.unwrap();
    let conversation = created.conversation;
    assert_eq!((conversation.rev.0, conversation.n_members, conversation.created_at), (1, 1, NOW));
    assert_eq!(node.store.conversation(tom, conversation.id).await.unwrap().conversation, conversation);
    let group = created.group.id;
    let Ok(MembersChanged::Now { conversation, members }) = node.add(tom, group, jerry).await else {
        panic!("not added")
    };
    assert_eq!((conversation.rev.0, conversation.n_members), (2, 2));
    assert_eq!((members[0].0, members[0].1.role), (jerry, Some(Role::Member)));
    let Ok(MembersChanged::Removed { conversation, user }) = remove(&node, tom, group, jerry).await else {
        panic!("not removed")
    };
    assert_eq!((conversation.rev.0, conversation.n_members, user), (3, 1, jerry));
    assert_eq!(node.store.conversation(tom, conversation.id).await.unwrap().conversation, conversation);
}

pub async fn removal_rights_are_checked_in_the_promised_order(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike, tyke] = node.users(["tom", "jerry", "spike", "tyke"]).await;
    let group = node.group(tom, &[jerry, spike]).await.id;
    role(&node, tom, group, (jerry, Role::Admin)).await.unwrap();
    assert_eq!(code(remove(&node, tyke, GroupId(99), jerry).await), "group_not_found");
    assert_eq!(code(remove(&node, tyke, group, jerry).await), "not_a_member");
    assert_eq!(code(remove(&node, tyke, group, tyke).await), "not_a_member");
    assert_eq!(code(remove(&node, spike, group, tyke).await), "forbidden");
    assert_eq!(code(remove(&node, jerry, group, tyke).await), "user_not_found");
    assert_eq!(code(remove(&node, jerry, group, tom).await), "forbidden");
    assert_eq!(code(remove(&node, tom, group, tom).await), "owner_needed");
    let events = node.sink.events().len();
    remove(&node, jerry, group, spike).await.unwrap();
    assert_eq!(code(remove(&node, jerry, group, spike).await), "user_not_found");
    remove(&node, jerry, group, jerry).await.unwrap();
    assert_eq!(roles(&node, tom, group).await, [(tom, Role::Owner)]);
    let events = &node.sink.events()[events..];
    let removed: Vec<_> = events
        .iter()
        .map(|event| match &event.change {
            Change::MemberRemoved { user, .. } => *user,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(removed, [spike, jerry]);
}

pub async fn a_removed_member_sees_nothing_and_returns_as_a_new_member(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let to = Recipient::Group(group.id);
    let sent = node.say(tom, to, "one").await;
    let change = OwnChange { pinned: Some(true), draft: Some(Some("Dear".into())), ..OwnChange::default() };
    node.store.change_own_part(jerry, group.conversation, change).await.unwrap();
    remove(&node, tom, group.id, jerry).await.unwrap();
    assert_eq!(code(node.store.conversation(jerry, group.conversation).await), "conversation_not_found");
    assert_eq!(code(node.store.message(jerry, sent.id).await), "message_not_found");
    assert_eq!(code(node.store.members(jerry, group.id, None).await), "not_a_member");
    assert_eq!(node.store.groups_of(jerry, None).await.unwrap(), []);
    assert_eq!(node.store.memberships(jerry).await.unwrap().conversations, []);
    assert_eq!(node.undelivered(jerry).await, []);
    node.say(tom, to, "two").await;
    node.add(tom, group.id, jerry).await.unwrap();
    let own = node.store.conversation(jerry, group.conversation).await.unwrap().own;
    assert_eq!((own.role, own.pinned, own.draft), (Some(Role::Member), false, None));
    assert_eq!((own.pointers.delivered.0, own.pointers.read.0, own.counts.unread), (2, 2, 0));
}

pub async fn only_the_owner_changes_roles_and_there_is_always_one(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike, tyke] = node.users(["tom", "jerry", "spike", "tyke"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let (id, conversation) = (group.id, group.conversation);
    assert_eq!(code(role(&node, tom, GroupId(99), (jerry, Role::Admin)).await), "group_not_found");
    assert_eq!(code(role(&node, tyke, id, (jerry, Role::Admin)).await), "not_a_member");
    assert_eq!(code(role(&node, jerry, id, (jerry, Role::Owner)).await), "forbidden");
    assert_eq!(code(role(&node, tom, id, (tyke, Role::Admin)).await), "user_not_found");
    assert_eq!(code(role(&node, tom, id, (tom, Role::Member)).await), "owner_needed");
    let events = node.sink.events().len();
    assert_eq!(role(&node, tom, id, (jerry, Role::Member)).await.unwrap(), MembersChanged::Already);
    assert_eq!(role(&node, tom, id, (tom, Role::Owner)).await.unwrap(), MembersChanged::Already);
    assert_eq!(node.sink.events().len(), events);
    role(&node, tom, id, (jerry, Role::Admin)).await.unwrap();
    assert_eq!(roles(&node, tom, id).await[1], (jerry, Role::Admin));
    assert_eq!(code(role(&node, jerry, id, (spike, Role::Admin)).await), "forbidden");

    let before = rev(&node, tom, conversation).await;
    let given = role(&node, tom, id, (spike, Role::Owner)).await.unwrap();
    let MembersChanged::Now { conversation: now, members } = given else { panic!("{given:?}") };
    assert!(matches!(now.kind, ConversationKind::Group { owner, .. } if owner == spike));
    assert_eq!((members[0].0, members[0].1.role), (spike, Some(Role::Owner)));
    assert_eq!((members[1].0, members[1].1.role), (tom, Some(Role::Admin)));
    assert_eq!(now.rev.0, before.0 + 2, "two members have another role");
    assert_eq!(node.sink.events().len(), events + 3);
    let expected = [(tom, Role::Admin), (jerry, Role::Admin), (spike, Role::Owner)];
    assert_eq!(roles(&node, tom, id).await, expected);
    assert_eq!(node.store.groups_of(tom, None).await.unwrap()[0].owner, spike);
    remove(&node, tom, id, tom).await.unwrap();
}

pub async fn only_the_owner_and_admins_rename_a_group(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let rename = async |actor, group, name: &str| node.store.rename_group(actor, group, name.into()).await;
    assert_eq!(code(rename(tom, GroupId(99), "Crumbs").await), "group_not_found");
    assert_eq!(code(rename(spike, group.id, "Crumbs").await), "not_a_member");
    assert_eq!(code(rename(jerry, group.id, "Crumbs").await), "forbidden");
    let before = rev(&node, tom, group.conversation).await;
    let renamed = rename(tom, group.id, "Crumbs").await.unwrap().0;
    assert!(matches!(&renamed.kind, ConversationKind::Group { name, .. } if name == "Crumbs"));
    assert_eq!(renamed.rev.0, before.0 + 1);
    assert_eq!(node.store.groups_of(jerry, None).await.unwrap()[0].name, "Crumbs");
    let events = node.sink.events();
    assert!(
        matches!(&events.last().unwrap().change, Change::ConversationChanged(changed) if *changed == renamed)
    );
}
