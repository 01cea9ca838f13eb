//! Tests of all writes: they are published in commit order, finished without their caller, refused when the store is
//! closed or overloaded, and present after a restart if they were answered.

use std::pin::pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use chat_core::Error;
use chat_core::event::{Change, Event, Signal};
use chat_core::groups::NewGroup;
use chat_core::messages::Recipient;
use chat_core::ports::EventSink;
use tokio::task::JoinSet;

use super::samples::{ALL, NOW, account, code, contents, message, newest};
use super::test_store::Stores;

pub async fn events_come_in_commit_order_with_growing_positions(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let mut tasks = JoinSet::new();
    for number in 0..40 {
        let store = node.store.clone();
        tasks.spawn(async move {
            if number % 10 == 0 {
                let new = NewGroup { name: format!("group {number}"), owner: tom, at: NOW };
                store.create_group(new).await.unwrap();
            } else {
                let (from, to) = if number % 2 == 0 { (tom, jerry) } else { (jerry, tom) };
                store.post(message(from, Recipient::User(to), "hi")).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let check = |events: &[Arc<Event>]| {
        let positions: Vec<_> = events.iter().map(|event| event.position).collect();
        assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
        let messages: Vec<_> = events
            .iter()
            .filter_map(|event| match &event.change {
                Change::MessagePosted(message) => Some((message.seq, message.id)),
                _ => None,
            })
            .collect();
        assert!(messages.is_sorted(), "{messages:?}");
    };
    let first = node.sink.events();
    assert_eq!(first.len(), 41, "one per message, and one for the new conversation");
    check(&first);
    // The log continues where it ended.
    let node = node.reopen().await;
    node.say(tom, Recipient::User(jerry), "after").await;
    check(&[first, node.sink.events()].concat());
}

pub async fn what_was_answered_is_there_after_a_restart(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let direct = node.say(tom, Recipient::User(jerry), "direct").await;
    let grouped = node.say(jerry, Recipient::Group(group.id), "grouped").await;
    let memberships = node.store.memberships(jerry).await.unwrap();
    let node = node.reopen().await;
    assert_eq!(node.store.direct_history(tom, jerry, ALL).await.unwrap(), [direct]);
    assert_eq!(node.store.group_history(tom, group.id, ALL).await.unwrap(), [grouped]);
    assert_eq!(node.store.memberships(jerry).await.unwrap(), memberships);
}

pub async fn a_closed_store_says_that_it_is_unavailable(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.store.probe_write().await.unwrap();
    assert_eq!(node.store.engine_name(), stores.engine());
    node.close().await;
    node.close().await;
    assert_eq!(code(node.store.probe_write().await), "storage_unavailable");
    assert_eq!(code(node.store.create_account(account("spike")).await), "storage_unavailable");
    assert_eq!(
        code(node.store.post(message(tom, Recipient::User(jerry), "hi")).await),
        "storage_unavailable"
    );
    assert_eq!(code(node.store.account(tom).await), "storage_unavailable");
}

pub async fn a_write_goes_on_without_its_caller(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    {
        let post = pin!(node.store.post(message(tom, Recipient::User(jerry), "left behind")));
        let _ = post.poll(&mut Context::from_waker(Waker::noop()));
    }
    node.say(tom, Recipient::User(jerry), "next").await;
    let history = node.store.direct_history(tom, jerry, ALL).await.unwrap();
    assert_eq!(contents(&history), ["left behind", "next"]);
    assert_eq!(node.sink.events().len(), 3, "the conversation and two messages");
}

/// A sink that reports when it is called, and blocks the writer until the test releases it.
struct Gate {
    entered: SyncSender<()>,
    release: Mutex<Receiver<()>>,
}

impl EventSink for Gate {
    fn publish(&self, events: &[Arc<Event>]) {
        if !events.is_empty() {
            let _ = self.entered.send(());
            // An error means that the test has released all writes.
            let _ = self.release.lock().unwrap().recv();
        }
    }

    fn signal(&self, _: Signal) {}
}

pub async fn a_full_queue_refuses_and_what_it_took_is_written(stores: &dyn Stores) {
    let (entered, is_in) = sync_channel(1);
    let (release, held) = sync_channel(1);
    let sink = Arc::new(Gate { entered, release: Mutex::new(held) });
    let node = stores.fresh_with(sink).await;
    let store = node.store.clone();
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.post(message(tom, Recipient::User(jerry), "holds the writer")).await }
    });
    tokio::task::spawn_blocking(move || is_in.recv().map(|()| is_in)).await.unwrap().unwrap();
    let mut taken = 1;
    loop {
        let post = pin!(store.post(message(tom, Recipient::User(jerry), "waits")));
        match post.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => taken += 1,
            Poll::Ready(result) => {
                assert!(matches!(result, Err(Error::Overloaded)), "{result:?}");
                break;
            }
        }
        assert!(taken < 100_000, "the queue has no bound");
    }
    drop(release);
    assert!(first.await.unwrap().is_ok());
    drop(store);
    let last = node.reopen().await.store.last_of_each(tom, newest(1)).await.unwrap();
    assert_eq!(last[0].seq.0, taken);
}
