//! Tests of posting: once, in order, without gaps, and only to permitted recipients.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::Error;
use chat_core::ids::{GroupId, UserId};
use chat_core::media::{Media, MessageKind};
use chat_core::messages::{Page, Recipient, Status};
use chat_core::posting::{Body, Destination, NewMessage, Posted};
use tokio::task::JoinSet;

use super::samples::{ALL, NOW, code, contents, keyed, message, newest, seqs};
use super::test_store::Stores;

pub async fn a_message_comes_back_as_it_was_posted(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let new = NewMessage {
        kind: MessageKind::Video,
        body: Body {
            content: "Käse 🧀\u{1} 'quoted' \\".into(),
            media: vec![Media { url: "https://example.com/cheese.mp4".into(), ..Media::default() }],
            ..Body::default()
        },
        client_msg_id: Some("k1".into()),
        ..message(tom, Recipient::User(jerry), "")
    };
    let answered = node.post(new.clone()).await;
    assert_eq!((answered.sender, answered.to, answered.kind), (tom, Recipient::User(jerry), new.kind));
    assert_eq!((&answered.content, &answered.media), (&new.body.content, &new.body.media));
    assert_eq!((answered.seq.0, answered.rev.0, answered.sent_at), (1, 1, NOW));
    assert_eq!((answered.status, &answered.client_msg_id), (Status::Pending, &new.client_msg_id));
    for (reader, other) in [(tom, jerry), (jerry, tom)] {
        let history = node.store.direct_history(reader, other, ALL).await.unwrap();
        assert_eq!(history, std::slice::from_ref(&answered));
    }
}

pub async fn a_post_to_a_forbidden_recipient_is_refused(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, spike] = node.users(["tom", "spike"]).await;
    let group = node.group(tom, &[]).await;
    let post = async |sender, to| code(node.store.post(message(sender, to, "hi")).await);
    assert_eq!(post(tom, Recipient::User(UserId(99))).await, "user_not_found");
    assert_eq!(post(UserId(99), Recipient::User(tom)).await, "unauthenticated");
    assert_eq!(post(tom, Recipient::Group(GroupId(99))).await, "group_not_found");
    assert_eq!(post(spike, Recipient::Group(group.id)).await, "not_a_member");
    // A group's id is not taken for a user's, nor a user's for a group's.
    let before = node.sink.events().len();
    assert_eq!(post(tom, Recipient::Group(GroupId(spike.0))).await, "group_not_found");
    assert_eq!(node.sink.events().len(), before);
    assert_eq!(node.store.last_of_each(tom, newest(10)).await.unwrap(), []);
}

pub async fn seqs_have_no_gap_under_64_concurrent_senders(stores: &dyn Stores) {
    const EACH: usize = 20;
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let groups = [node.group(tom, &[jerry, spike]).await.id, node.group(spike, &[tom, jerry]).await.id];
    let routes = [
        (tom, Recipient::User(jerry)),
        (jerry, Recipient::User(tom)),
        (spike, Recipient::User(tom)),
        (tom, Recipient::Group(groups[0])),
        (jerry, Recipient::Group(groups[0])),
        (spike, Recipient::Group(groups[1])),
        // Refused messages among the others must leave no trace.
        (tom, Recipient::User(UserId(99))),
        (tom, Recipient::Group(GroupId(99))),
    ];
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let (store, sink) = (node.store.clone(), node.sink.clone());
        let (sender, to) = routes[task % routes.len()];
        tasks.spawn(async move {
            let mut posted = Vec::new();
            for number in 0..EACH {
                match store.post(message(sender, to, &format!("{task}/{number}"))).await {
                    Ok(Posted::New { message, .. }) => {
                        assert!(sink.has_message(message.id), "answered before it was published");
                        posted.push(message);
                    }
                    Err(Error::NotFound(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert!(
                posted.is_sorted_by_key(|message| message.seq),
                "messages of one sender keep their order"
            );
            posted
        });
    }
    let posted: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(posted.len(), 48 * EACH);
    let mut by_conversation: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for message in &posted {
        by_conversation.entry(message.conversation).or_default().push((message.seq.0, message.id));
    }
    assert_eq!(by_conversation.len(), 4);
    for numbers in by_conversation.values_mut() {
        numbers.sort_unstable();
        assert!(numbers.iter().map(|(seq, _)| *seq).eq(1..=i64::try_from(numbers.len()).unwrap()));
        assert!(numbers.is_sorted_by_key(|(_, id)| *id), "ids and seqs grow together");
    }
    let page = Page { before: None, limit: 10 };
    let history = node.store.direct_history(tom, jerry, page).await.unwrap();
    assert_eq!(seqs(&history), Vec::from_iter(311..=320));
}

pub async fn one_key_makes_one_message_though_32_send_it_at_once(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let mut tasks = JoinSet::new();
    for _ in 0..32 {
        let store = node.store.clone();
        let new = keyed(tom, Recipient::User(jerry), "once", "one key");
        tasks.spawn(async move { store.post(new).await.unwrap() });
    }
    let mut new = 0;
    let mut answers = BTreeSet::new();
    for posted in tasks.join_all().await {
        answers.insert((posted.message().id, posted.message().content.clone()));
        new += usize::from(matches!(posted, Posted::New { .. }));
    }
    assert_eq!((new, answers.len()), (1, 1));
    assert_eq!(node.store.direct_history(tom, jerry, ALL).await.unwrap().len(), 1);
    assert_eq!(node.sink.events().len(), 2, "the conversation and the message");
}

pub async fn a_key_is_the_senders_own_and_lasts_over_restarts(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let first = node.post(keyed(tom, Recipient::User(jerry), "first", "k")).await;
    node.post(keyed(jerry, Recipient::User(tom), "Jerry's own", "k")).await;
    node.confirm(jerry, first.conversation, 1).await;
    let node = node.reopen().await;
    for to in [Recipient::User(jerry).into(), Destination::Conversation(first.conversation)] {
        let again = node.store.post(keyed(tom, to, "first", "k")).await.unwrap();
        let Posted::Duplicate(again) = again else { panic!("{again:?}") };
        assert_eq!((again.id, again.content.as_str(), again.to), (first.id, "first", first.to));
        assert_eq!(again.status, Status::Delivered, "its status is the present one");
    }
    assert_eq!(node.sink.events().len(), 0);
    let history = node.store.direct_history(tom, jerry, ALL).await.unwrap();
    assert_eq!(contents(&history), ["first", "Jerry's own"]);
    assert_eq!(seqs(&history), [1, 2]);
}
