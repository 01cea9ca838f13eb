//! Tests of threads: replies below a root, which shows a summary of them.

use chat_core::changes::MessageEvent;
use chat_core::event::Change;
use chat_core::ids::MessageId;
use chat_core::messages::{Message, MessageRange, Recipient, Start, Status, ThreadSummary};
use chat_core::posting::{NewMessage, Posted};
use chat_core::time::Timestamp;

use super::rows;
use super::samples::{ALL, NOW, code, command, ids, keyed, message};
use super::test_store::Stores;

fn below(root: MessageId, new: NewMessage) -> NewMessage {
    let mut new = new;
    new.body.thread = Some(root);
    new
}

pub async fn a_reply_brings_its_root_up_to_date(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let root = node.say(tom, Recipient::User(jerry), "root").await;
    node.store.react(command(jerry, &root), "🧀".into(), true).await.unwrap();
    assert_eq!((root.thread, root.replies), (None, None));
    for (n_replies, at) in [(1, Timestamp(NOW.0 + 5)), (2, Timestamp(NOW.0 + 7))] {
        let new = NewMessage { at, ..below(root.id, message(jerry, Recipient::User(tom), "reply")) };
        let posted = node.store.post(new).await.unwrap();
        let Posted::New { conversation: None, message: reply, root: Some(root_now) } = posted else {
            panic!("{posted:?}")
        };
        assert_eq!((reply.thread, reply.replies), (Some(root.id), None));
        assert_eq!(
            (reply.seq.0, root_now.seq),
            (i64::from(n_replies) + 1, root.seq),
            "replies have seqs too"
        );
        assert_eq!(root_now.replies, Some(ThreadSummary { n_replies, last_reply_at: at }));
        assert_eq!(root_now.rev.0, reply.rev.0 + 1, "the root's is a change of its own, after the reply's");
        assert_eq!(root_now.reactions[0].users, [jerry], "an event is for everybody and lists everybody");
        let events = node.sink.events();
        let [.., posted, changed] = events.as_slice() else { panic!("{events:?}") };
        assert!(matches!(&posted.change, Change::MessagePosted(message) if *message == reply));
        let Change::MessageChanged { message, what } = &changed.change else { panic!("{changed:?}") };
        assert_eq!((message, *what), (&*root_now, MessageEvent::Thread));
        let read = node.store.message(jerry, root.id).await.unwrap();
        assert_eq!((read.rev, read.replies), (root_now.rev, root_now.replies));
    }
    rows::check(&node).await;
}

pub async fn a_thread_begins_outside_of_threads_and_in_the_same_conversation(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let to_jerry = || message(tom, Recipient::User(jerry), "hi");
    let elsewhere = node.say(tom, Recipient::User(spike), "elsewhere").await;
    let (events, refused) = (node.sink.events().len(), async |new| code(node.store.post(new).await));
    assert_eq!(refused(below(elsewhere.id, to_jerry())).await, "message_not_found");
    let root = node.post(to_jerry()).await;
    let inside = node.post(below(root.id, to_jerry())).await;
    assert_eq!(node.sink.events().len(), events + 4);
    assert_eq!(refused(below(elsewhere.id, to_jerry())).await, "message_not_found");
    assert_eq!(refused(below(MessageId(99), to_jerry())).await, "message_not_found");
    assert_eq!(refused(below(inside.id, to_jerry())).await, "in_thread");
    assert_eq!(node.sink.events().len(), events + 4);
    rows::check(&node).await;
}

pub async fn what_is_in_a_thread_is_answered_in_that_thread(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let reply = |thread: Option<&Message>, answered: &Message| {
        let mut new = message(tom, Recipient::User(jerry), "re");
        new.body.thread = thread.map(|root| root.id);
        new.body.reply_to = Some(answered.id);
        new
    };
    let root = node.say(tom, Recipient::User(jerry), "root").await;
    let other = node.say(tom, Recipient::User(jerry), "another root").await;
    let inside = node.post(below(root.id, message(jerry, Recipient::User(tom), "inside"))).await;
    for thread in [None, Some(&other)] {
        assert_eq!(code(node.store.post(reply(thread, &inside)).await), "in_thread");
    }
    for answered in [&inside, &root, &other] {
        let posted = node.post(reply(Some(&root), answered)).await;
        assert_eq!(posted.reply_to.map(|quote| quote.message), Some(answered.id));
    }
    rows::check(&node).await;
}

pub async fn a_reply_that_is_sent_again_counts_once_and_a_deleted_one_keeps_counting(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let root = node.say(tom, Recipient::User(jerry), "root").await;
    let new = below(root.id, keyed(jerry, Recipient::User(tom), "reply", "k"));
    let reply = node.post(new.clone()).await;
    let events = node.sink.events().len();
    assert_eq!(node.store.post(new).await.unwrap(), Posted::Duplicate(reply.clone()));
    assert_eq!(node.sink.events().len(), events);
    node.store.delete(command(jerry, &reply)).await.unwrap();
    let root = node.store.message(tom, root.id).await.unwrap();
    assert_eq!(root.replies.unwrap().n_replies, 1);
    rows::check(&node).await;
}

pub async fn a_thread_is_read_without_its_root_and_a_conversation_with_everything(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let root = node.say(tom, Recipient::User(jerry), "root").await;
    let mut replies = Vec::new();
    for _ in 0..5 {
        replies.push(node.post(below(root.id, message(jerry, Recipient::User(tom), "in"))).await);
        node.say(tom, Recipient::User(jerry), "out").await;
    }
    node.confirm(tom, root.conversation, root.seq.0).await;
    let read = async |from, limit| {
        let range = MessageRange { thread: Some(root.id), from, limit };
        node.store.read_range(tom, root.conversation, range).await.unwrap()
    };
    assert_eq!(read(Start::End, 200).await, replies);
    assert_eq!(read(Start::End, 2).await, replies[3..]);
    assert_eq!(read(Start::Before(replies[3].seq), 2).await, replies[1..3]);
    assert_eq!(read(Start::After(replies[0].seq), 2).await, replies[1..3]);
    assert_eq!(read(Start::After(replies[4].seq), 2).await, []);
    let history = node.store.direct_history(tom, jerry, ALL).await.unwrap();
    assert_eq!(history.len(), 11);
    assert_eq!(history[0].status, Status::Pending);

    let elsewhere = node.say(tom, Recipient::User(spike), "elsewhere").await;
    for thread in [elsewhere.id, MessageId(99)] {
        let range = MessageRange { thread: Some(thread), from: Start::End, limit: 9 };
        assert_eq!(code(node.store.read_range(tom, root.conversation, range).await), "message_not_found");
    }
    assert_eq!(ids(&read(Start::End, 1).await), [replies[4].id.0]);
}
