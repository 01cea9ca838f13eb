//! Tests that every `TraceStore` must pass.

use chat_core::groups::{ChangeRole, RemoveMember, Role};
use chat_core::ids::{MessageId, Seq};
use chat_core::messages::Recipient;
use chat_core::receipts::Pointers;
use chat_core::trace::Trace;

use super::samples::{NOW, code};
use super::test_store::Stores;

fn at(delivered: i64, read: i64) -> Pointers {
    Pointers { delivered: Seq(delivered), read: Seq(read) }
}

pub async fn a_trace_shows_the_progress_of_every_recipient(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike, tyke, late] = node.users(["tom", "jerry", "spike", "tyke", "late"]).await;
    let group = node.group(tom, &[jerry, spike, tyke]).await;
    node.say(tom, Recipient::Group(group.id), "before").await;
    let sent = node.say(jerry, Recipient::Group(group.id), "traced").await;
    let position = node.sink.events().last().unwrap().position;
    node.add(tom, group.id, late).await.unwrap();
    node.confirm(spike, group.conversation, 2).await;
    node.store.move_pointers(tom, group.conversation, at(2, 1)).await.unwrap();
    let trace = Trace {
        message: sent.id,
        conversation: group.conversation,
        seq: Seq(2),
        position,
        accepted_at: NOW,
        members: vec![(tom, at(2, 1)), (spike, at(2, 0)), (tyke, at(0, 0))],
    };
    let read = |limit| node.store.trace(jerry, sent.id, limit);
    assert_eq!(read(99).await.unwrap(), trace);
    assert_eq!(read(2).await.unwrap().members, trace.members[..2]);
    let remove = RemoveMember { actor: tom, group: group.id, user: spike };
    node.store.remove_member(remove).await.unwrap();
    assert_eq!(read(99).await.unwrap().members, [trace.members[0], trace.members[2]]);
    // A member who joins again has joined after the message.
    node.add(tom, group.id, spike).await.unwrap();
    assert_eq!(read(99).await.unwrap().members, [trace.members[0], trace.members[2]]);
}

pub async fn only_its_author_and_the_groups_admins_trace_a_message(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike, tyke] = node.users(["tom", "jerry", "spike", "tyke"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let admin = ChangeRole { actor: tom, group: group.id, user: spike, role: Role::Admin };
    node.store.change_role(admin).await.unwrap();
    let grouped = node.say(spike, Recipient::Group(group.id), "hi").await;
    let jerrys = node.say(jerry, Recipient::Group(group.id), "hi").await;
    let direct = node.say(tom, Recipient::User(jerry), "hi").await;
    let trace = |reader, message| node.store.trace(reader, message, 9);
    for (reader, message) in [(tom, &grouped), (spike, &jerrys), (jerry, &jerrys), (tom, &direct)] {
        assert_eq!(trace(reader, message.id).await.unwrap().message, message.id);
    }
    assert_eq!(code(trace(jerry, grouped.id).await), "forbidden");
    assert_eq!(code(trace(jerry, direct.id).await), "forbidden", "a direct conversation has no admin");
    for message in [grouped.id, direct.id, MessageId(99)] {
        assert_eq!(code(trace(tyke, message).await), "message_not_found");
    }
}
