//! Tests of `ReceiptStore` on moving pointers one by one, listing them, and threads.

use chat_core::conversations::{Audience, Counted, Counts, OwnChange};
use chat_core::event::Change;
use chat_core::ids::{ConversationId, MessageId, Rev, Seq, UserId};
use chat_core::messages::Recipient;
use chat_core::posting::{Body, NewMessage};
use chat_core::receipts::{Delivered, MarkedRead, Moved, Pointers, Receipt};

use super::samples::{code, command, message};
use super::test_store::{Stores, TestStore};

fn at(delivered: i64, read: i64) -> Pointers {
    Pointers { delivered: Seq(delivered), read: Seq(read) }
}

async fn pointers(node: &TestStore, user: UserId, id: ConversationId) -> Pointers {
    node.store.conversation(user, id).await.unwrap().own.pointers
}

pub async fn moving_returns_the_moved_pointers_and_publishes_them_once(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let mut id = ConversationId(0);
    for text in ["1", "2", "3"] {
        id = node.say(tom, Recipient::User(jerry), text).await.conversation;
    }
    let events = node.sink.events().len();
    let step = async |to| node.store.move_pointers(jerry, id, to).await.unwrap();
    let receipt = |pointers: Pointers, unread: Option<u32>| {
        let state = |unread| Counted {
            counts: Counts { unread, mentions: 0 },
            read: pointers.read,
            last: Seq(3),
            rev: Rev(3),
        };
        let counts = unread.map(state);
        let audience = Audience::Pair(tom, jerry);
        Moved(vec![Receipt { user: jerry, conversation: id, pointers, audience, counts }])
    };
    assert_eq!(step(at(2, 0)).await, receipt(at(2, 0), None), "the unread count is unchanged");
    assert_eq!(step(at(1, 1)).await, receipt(at(2, 1), Some(2)));
    assert_eq!(step(at(2, 1)).await, Moved::default());
    assert_eq!(step(at(9, 9)).await, receipt(at(3, 3), Some(0)));
    assert_eq!(step(at(0, -4)).await, Moved::default());
    assert_eq!(pointers(&node, jerry, id).await, at(3, 3));
    assert_eq!(node.sink.events().len(), events + 3);
    for (user, id) in [(spike, id), (jerry, ConversationId(99))] {
        let refused = node.store.move_pointers(user, id, at(1, 1)).await;
        assert_eq!(code(refused), "conversation_not_found");
    }
    assert_eq!(pointers(&node.reopen().await, jerry, id).await, at(3, 3));
}

pub async fn reading_clears_the_mark_and_a_resuming_client_gets_that(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(tom, Recipient::User(jerry), "1").await;
    let id = node.say(tom, Recipient::User(jerry), "2").await.conversation;
    let mark = async || {
        let marked = OwnChange { marked_unread: Some(true), ..OwnChange::default() };
        node.store.change_own_part(jerry, id, marked).await.unwrap();
        node.store.log_end().await.unwrap().position
    };
    let is_marked = async || node.store.conversation(jerry, id).await.unwrap().own.marked_unread;
    // Moving the read pointer clears the mark, also to its present value. Confirming delivery does not, nor does a
    // late request.
    for (to, is_kept) in [(at(2, 0), true), (at(2, 2), false), (at(2, 2), false), (at(2, 1), true)] {
        let marked = mark().await;
        let moved = node.store.move_pointers(jerry, id, to).await.unwrap();
        assert_eq!(is_marked().await, is_kept, "{to:?}");
        let changes = node.store.changes(jerry, marked.into(), 10).await.unwrap();
        let sent_mark = changes.events.iter().find_map(|event| match &event.change {
            Change::OwnPartChanged { view, .. } => Some((event.position, view.own.marked_unread)),
            _ => None,
        });
        let last = node.sink.events().last().unwrap().position;
        assert_eq!(sent_mark, (!is_kept).then_some((last, false)), "{to:?}");
        assert_eq!(moved.0.iter().any(|receipt| receipt.counts.is_some()), !is_kept);
    }
}

pub async fn a_batch_is_one_change_for_each_conversation_at_the_stored_position(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let start = node.store.log_end().await.unwrap().position;
    let direct = node.say(tom, Recipient::User(jerry), "1").await.conversation;
    node.say(tom, Recipient::Group(group.id), "2").await;
    node.say(tom, Recipient::Group(group.id), "3").await;
    let events = node.sink.events().len();
    let receipt = |user, conversation, seq| Delivered { user, conversation, seq: Seq(seq) };
    let batch = vec![
        receipt(spike, group.conversation, 1),
        receipt(jerry, direct, 1),
        receipt(jerry, group.conversation, 1),
        receipt(jerry, group.conversation, 2),
        receipt(tom, direct, 0),
    ];
    let moved = node.store.mark_delivered(batch.clone()).await.unwrap();
    let receipts: Vec<_> = moved.0.iter().map(|r| (r.conversation, r.user, r.pointers.delivered.0)).collect();
    let of_group = [(group.conversation, jerry, 2), (group.conversation, spike, 1)];
    assert_eq!(receipts, [of_group[0], of_group[1], (direct, jerry, 1)]);
    let live = node.sink.events()[events..].to_vec();
    let audiences: Vec<_> = live.iter().map(|event| event.change.audience()).collect();
    assert_eq!(audiences, [Audience::Group(group.conversation), Audience::Pair(tom, jerry)]);
    let resumed = node.store.changes(tom, start.into(), 100).await.unwrap().events;
    let positions = |events: &mut dyn Iterator<Item = (i64, &Change)>| -> Vec<(i64, usize)> {
        events
            .filter_map(|(position, change)| match change {
                Change::PointersMoved(receipts) => Some((position, receipts.len())),
                _ => None,
            })
            .collect()
    };
    assert_eq!(
        positions(&mut resumed.iter().map(|event| (event.position.0, &event.change))),
        positions(&mut live.iter().map(|event| (event.position.0, &event.change)))
    );
    assert_eq!(node.store.mark_delivered(batch).await.unwrap(), Moved::default());
    assert_eq!(node.sink.events().len(), events + 2);
}

/// Conversations of Jerry: a direct one, one that is read, one that is marked, an empty one that is marked; then one
/// of others, and an unknown one.
async fn six_conversations(node: &TestStore) -> (UserId, [ConversationId; 6]) {
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let direct = node.say(tom, Recipient::User(jerry), "1").await.conversation;
    node.say(tom, Recipient::User(jerry), "2").await;
    let mut ids = Vec::new();
    for n_messages in [1, 2, 0] {
        let group = node.group(tom, &[jerry, spike]).await;
        for _ in 0..n_messages {
            node.say(tom, Recipient::Group(group.id), "hi").await;
        }
        ids.push(group.conversation);
    }
    let [read, marked, empty] = ids.try_into().unwrap();
    for id in [read, marked] {
        node.store.move_pointers(jerry, id, Pointers::END).await.unwrap();
    }
    for id in [marked, empty] {
        let mark = OwnChange { marked_unread: Some(true), ..OwnChange::default() };
        node.store.change_own_part(jerry, id, mark).await.unwrap();
    }
    let others = node.say(tom, Recipient::User(spike), "3").await.conversation;
    (jerry, [direct, read, marked, empty, others, ConversationId(99)])
}

pub async fn many_conversations_are_read_as_if_each_were_read_by_itself(stores: &dyn Stores) {
    let (together, apart) = (stores.fresh().await, stores.fresh().await);
    let (jerry, ids) = six_conversations(&together).await;
    assert_eq!(six_conversations(&apart).await, (jerry, ids));
    let [direct, read, marked, empty, others, unknown] = ids;
    let (start, seen) = (together.store.log_end().await.unwrap().position, together.sink.n_events());
    let many = together.store.mark_read(jerry, ids.to_vec()).await.unwrap();
    let moved: Vec<_> = many.moved.0.iter().map(|receipt| (receipt.conversation, receipt.pointers)).collect();
    assert_eq!(moved, [(direct, at(2, 2)), (marked, at(2, 2)), (empty, at(0, 0))]);
    assert_eq!(many.not_found, [others, unknown]);
    let mut singles = Vec::new();
    for id in [direct, read, marked, empty] {
        singles.extend(apart.store.move_pointers(jerry, id, Pointers::END).await.unwrap().0);
    }
    assert_eq!(many.moved.0, singles);
    let changes = |node: &TestStore| -> Vec<_> {
        node.sink.events().iter().map(|event| (event.position, event.change.clone())).collect()
    };
    assert_eq!(changes(&together)[seen..], changes(&apart)[seen..]);
    for node in [&together, &apart] {
        let resumed = node.store.changes(jerry, start.into(), 100).await.unwrap().events;
        let positions: Vec<_> = resumed.iter().map(|event| event.position.0 - start.0).collect();
        assert_eq!(*positions.iter().max().unwrap(), 3, "{resumed:?}");
        for id in [direct, marked, empty] {
            let own = node.store.conversation(jerry, id).await.unwrap().own;
            assert_eq!((own.counts, own.marked_unread), (Counts::default(), false));
        }
    }
    let again = together.store.mark_read(jerry, vec![direct, read, marked, empty]).await.unwrap();
    assert_eq!(again, MarkedRead::default());
    assert_eq!(together.sink.n_events(), seen + 3, "no change, no event");
}

pub async fn unread_conversations_are_listed_page_by_page(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let (jerry, ids) = six_conversations(&node).await;
    let [direct, read, marked, empty, others, unknown] = ids;
    let list = async |after, limit| node.store.unread_conversations(jerry, after, limit).await.unwrap();
    assert_eq!(list(ConversationId(0), 10).await, [direct, marked, empty]);
    assert_eq!(list(ConversationId(0), 2).await, [direct, marked]);
    assert_eq!(list(marked, 2).await, [empty]);
    let among = vec![unknown, others, empty, marked, read, direct];
    let mut known = node.store.are_unread(jerry, among).await.unwrap();
    known.sort_unstable();
    assert_eq!(known, [(direct, true), (read, false), (marked, true), (empty, true)]);
    node.store.mark_read(jerry, ids.to_vec()).await.unwrap();
    assert_eq!(list(ConversationId(0), 10).await, []);
}

pub async fn receipts_are_listed_for_members_page_by_page(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike, tyke] = node.users(["tom", "jerry", "spike", "tyke"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let id = group.conversation;
    node.say(tom, Recipient::Group(group.id), "1").await;
    node.store.move_pointers(jerry, id, at(1, 1)).await.unwrap();
    node.confirm(spike, id, 1).await;
    let list = async |after, limit| node.store.receipts(spike, id, after, limit).await.unwrap();
    assert_eq!(list(UserId(0), 10).await, [(tom, at(0, 0)), (jerry, at(1, 1)), (spike, at(1, 0))]);
    assert_eq!(list(tom, 1).await, [(jerry, at(1, 1))]);
    assert_eq!(list(spike, 10).await, []);
    for (reader, id) in [(tyke, id), (tom, ConversationId(99))] {
        assert_eq!(code(node.store.receipts(reader, id, UserId(0), 10).await), "conversation_not_found");
    }
}

pub async fn a_thread_has_a_pointer_of_its_own(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike, tyke] = node.users(["tom", "jerry", "spike", "tyke"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let to = Recipient::Group(group.id);
    let root = node.say(tom, to, "root").await;
    let reply = async |sender| {
        let body = Body { content: "reply".into(), thread: Some(root.id), ..Body::default() };
        node.post(NewMessage { body, ..message(sender, to, "") }).await
    };
    let thread = async || {
        let view = node.store.thread(jerry, root.id).await.unwrap();
        (view.root.replies.map_or(0, |replies| replies.n_replies), view.read.0, view.unread)
    };
    assert_eq!(thread().await, (0, 0, 0));
    let first = reply(tom).await;
    reply(jerry).await;
    node.say(tom, to, "elsewhere").await;
    let last = reply(spike).await;
    assert_eq!(thread().await, (3, 0, 2));
    let read = async |seq| node.store.read_thread(jerry, root.id, Seq(seq)).await.unwrap();
    for (seq, expected) in [(first.seq.0, 2), (1, 2), (-7, 2), (i64::MAX, last.seq.0)] {
        read(seq).await;
        assert_eq!(thread().await.1, expected, "after {seq}");
    }
    assert_eq!(thread().await.2, 0);
    let later = reply(tom).await;
    assert_eq!(thread().await, (4, last.seq.0, 1));
    node.store.delete(command(tom, &later)).await.unwrap();
    assert_eq!(thread().await, (4, last.seq.0, 0), "a deleted reply keeps its seq and is no longer unread");
    assert_eq!(node.store.thread(tom, root.id).await.unwrap().read, Seq(0), "each member has their own");
    for (user, root) in [(tyke, root.id), (jerry, MessageId(99))] {
        assert_eq!(code(node.store.thread(user, root).await), "message_not_found");
        assert_eq!(code(node.store.read_thread(user, root, Seq(1)).await), "message_not_found");
    }
    // The conversation's own pointer has not moved.
    assert_eq!(pointers(&node, jerry, group.conversation).await, at(0, 0));
}
