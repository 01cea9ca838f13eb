//! Tests of two servers on one database: together they keep every promise that each keeps alone.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use chat_core::access::{Ended, Revoked};
use chat_core::accounts::{AccountQuery, LoginName, NewAccount};
use chat_core::changes::Changed;
use chat_core::event::Change;
use chat_core::groups::{AddMember, ChangeRole, Group, RemoveMember, Role};
use chat_core::ids::{Position, Seq, UserId};
use chat_core::live_text::Chunk;
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::ports::Store;
use chat_core::posting::{NewMessage, Posted};
use chat_core::receipts::Delivered;
use chat_core::{Error, Result};
use proptest::prelude::*;
use tokio::task::JoinSet;

use crate::cluster::{Cases, Cluster};
use crate::samples::{ALL, NOW, account, code, command, keyed, message, seqs};
use crate::test_store::{Stores, TestStore};
use crate::{feed, random, sync, unread};

/// Longer than any test here takes. A deadlock never ends.
const DEADLINE: Duration = Duration::from_secs(60);

async fn two(stores: &dyn Stores) -> Cluster {
    let node = stores.fresh().await;
    vec![node.second().await, node].into()
}

/// Waits for all tasks and collects their results.
async fn all<T: 'static>(tasks: JoinSet<T>) -> Vec<T> {
    within(tasks.join_all()).await
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.unwrap_or_else(|_| panic!("they wait for each other"))
}

/// Panics on a fault. A refusal is a valid result.
fn done<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ (Error::Internal(_) | Error::Unavailable(_) | Error::Overloaded)) => panic!("{error:?}"),
        Err(_) => None,
    }
}

pub async fn positions_and_seqs_have_no_gap_though_both_nodes_write(stores: &dyn Stores) {
    const SENDERS: usize = 32;
    const EACH: usize = 12;
    let cluster = two(stores).await;
    let [tom, jerry, spike] = cluster.node().users(["tom", "jerry", "spike"]).await;
    let group = cluster.node().group(tom, &[jerry, spike]).await;
    let routes = [
        (tom, Recipient::User(jerry)),
        (jerry, Recipient::User(tom)),
        (spike, Recipient::Group(group.id)),
        (jerry, Recipient::Group(group.id)),
        // Refused messages among the others must leave no trace.
        (tom, Recipient::User(UserId(99))),
    ];
    let mut tasks = JoinSet::new();
    for task in 0..SENDERS {
        let node = cluster.node();
        let (store, sink) = (node.store.clone(), node.sink.clone());
        let (sender, to) = routes[task / 2 % routes.len()];
        tasks.spawn(async move {
            let mut sent = Vec::new();
            for number in 0..EACH {
                let posted = store.post(message(sender, to, &format!("{task}/{number}"))).await;
                let Some(posted) = done(posted) else { continue };
                assert!(sink.has_message(posted.message().id), "answered before its node has published it");
                sent.push(posted.message().clone());
            }
            assert!(sent.is_sorted_by_key(|message| message.seq), "messages of one sender keep their order");
            sent
        });
    }
    let mut sent = all(tasks).await.concat();
    sent.sort_by_key(|message| message.id);
    assert!(sent.iter().map(|message| message.id.0).eq(1..=i64::try_from(sent.len()).unwrap()));
    let mut by_conversation: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for message in sent {
        by_conversation.entry(message.conversation).or_default().push(message.seq.0);
    }
    assert_eq!(by_conversation.len(), 2);
    for seqs in by_conversation.values() {
        assert!(seqs.iter().copied().eq(1..=i64::try_from(seqs.len()).unwrap()), "in the order of the ids");
    }
    cluster.check().await;
    for node in &cluster.nodes {
        let history = node.store.direct_history(tom, jerry, ALL).await.unwrap();
        assert!(
            seqs(&history).is_sorted() && history.len() == by_conversation[&history[0].conversation].len()
        );
    }
}

pub async fn one_key_makes_one_message_whichever_node_is_asked(stores: &dyn Stores) {
    const KEYS: usize = 8;
    let cluster = two(stores).await;
    let [tom, jerry] = cluster.node().users(["tom", "jerry"]).await;
    let mut tasks = JoinSet::new();
    for attempt in 0..16 * KEYS {
        let store = cluster.node().store.clone();
        let key = format!("key {}", attempt / 2 % KEYS);
        let new = keyed(tom, Recipient::User(jerry), &format!("the one of {key}"), &key);
        tasks.spawn(async move { (key, store.post(new).await.unwrap()) });
    }
    let mut new = BTreeSet::new();
    let mut answers = BTreeSet::new();
    for (key, posted) in all(tasks).await {
        let (id, content) = (posted.message().id, posted.message().content.clone());
        if let Posted::New { .. } = posted {
            assert!(new.insert(key.clone()), "{key} made two messages");
        }
        answers.insert((key, id, content));
    }
    assert_eq!((new.len(), answers.len()), (KEYS, KEYS));
    assert_eq!(cluster.store().direct_history(tom, jerry, ALL).await.unwrap().len(), KEYS);
    cluster.check().await;
}

pub async fn unique_things_are_created_once_though_both_nodes_try(stores: &dyn Stores) {
    let cluster = two(stores).await;
    let tom = cluster.node().user("tom").await;
    for number in 0..12 {
        let [one, other] = [&cluster.nodes[0].store, &cluster.nodes[1].store];
        let name = format!("mouse{number}");
        let register = async |store: &dyn Store, name: &str, email: &str| {
            let new = NewAccount { email: email.into(), ..account(name) };
            store.create_account(new).await
        };
        let emails = [format!("{number}a@temp.com"), format!("{number}b@temp.com")];
        let shouted = name.to_uppercase();
        let registered = within(async {
            tokio::join!(register(&**one, &name, &emails[0]), register(&**other, &shouted, &emails[1]))
        });
        let mouse = match registered.await {
            (Ok(account), refused) | (refused, Ok(account)) => {
                assert_eq!(code(refused), "username_taken");
                account.id
            }
            neither => panic!("{neither:?}"),
        };
        let posted = within(async {
            tokio::join!(
                one.post(message(tom, Recipient::User(mouse), "hi")),
                other.post(message(mouse, Recipient::User(tom), "hi")),
            )
        });
        let (one, other) = posted.await;
        let made = [one.unwrap(), other.unwrap()];
        let [first, second] = made.each_ref().map(Posted::message);
        assert_eq!(first.conversation, second.conversation);
        let began = made.iter().filter(|posted| matches!(posted, Posted::New { conversation: Some(_), .. }));
        assert_eq!(began.count(), 1);
    }
    let query = AccountQuery { prefix: None, after: UserId(0), limit: 100 };
    assert_eq!(cluster.store().accounts(query).await.unwrap().len(), 13);
    cluster.check().await;
}

/// One task's change of a group in this turn. Its numbers look random and are the same in every run.
async fn change_groups(store: &dyn Store, users: &[UserId], groups: &[Group], turn: usize) {
    let drawn = turn.wrapping_mul(0x9e37_79b9).rotate_left(7) ^ turn;
    let (actor, user) = (users[drawn % users.len()], users[drawn / 7 % users.len()]);
    let Group { id: group, conversation, .. } = groups[drawn / 53 % groups.len()];
    match drawn / 211 % 7 {
        0 | 1 => done(store.add_member(AddMember { actor, group, user, at: NOW }).await).map(drop),
        2 => done(store.remove_member(RemoveMember { actor, group, user }).await).map(drop),
        3 => {
            let role = [Role::Owner, Role::Admin, Role::Member][drawn / 1999 % 3];
            done(store.change_role(ChangeRole { actor, group, user, role }).await).map(drop)
        }
        4 => done(store.rename_group(actor, group, format!("name {turn}")).await).map(drop),
        5 => done(store.post(message(actor, Recipient::Group(group), "hi")).await).map(drop),
        _ => {
            let seq = Seq(i64::try_from(turn).unwrap());
            let mut receipts: Vec<_> = (groups.iter())
                .map(|group| Delivered { user: actor, conversation: group.conversation, seq })
                .chain([Delivered { user, conversation, seq }])
                .collect();
            // Half of the batches have the opposite order, so that they would deadlock if rows were locked in the
            // order of a batch.
            if turn.is_multiple_of(2) {
                receipts.reverse();
            }
            done(store.mark_delivered(receipts).await).map(drop)
        }
    };
}

pub async fn group_changes_from_both_nodes_do_not_deadlock(stores: &dyn Stores) {
    const TASKS: usize = 24;
    const EACH: usize = 15;
    let cluster = two(stores).await;
    let users = cluster.node().users(["tom", "jerry", "spike", "tyke", "nibbles"]).await;
    let mut groups = Vec::new();
    for owner in &users[..3] {
        groups.push(cluster.node().group(*owner, &[users[3]]).await);
    }
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, groups) = (cluster.node().store.clone(), groups.clone());
        tasks.spawn(async move {
            for turn in 0..EACH {
                change_groups(&*store, &users, &groups, task * EACH + turn + 1).await;
            }
        });
    }
    all(tasks).await;
    cluster.check().await;
    for Group { id, conversation, .. } in groups {
        let mut member = None;
        for user in users {
            if cluster.store().conversation(user, conversation).await.is_ok() {
                member = Some(user);
            }
        }
        let member = member.unwrap();
        let members = cluster.store().members(member, id, None).await.unwrap();
        assert_eq!(members.iter().filter(|member| member.role == Role::Owner).count(), 1, "{members:?}");
        let seen = cluster.store().conversation(member, conversation).await.unwrap();
        assert_eq!(seen.conversation.n_members, u32::try_from(members.len()).unwrap());
        assert_eq!(
            cluster.store().conversation(member, conversation).await.unwrap(),
            seen,
            "both nodes return the same"
        );
    }
}

pub async fn one_message_keeps_what_both_nodes_did_to_it(stores: &dyn Stores) {
    let cluster = two(stores).await;
    let [tom, jerry] = cluster.node().users(["tom", "jerry"]).await;
    let new = message(tom, Recipient::User(jerry), "");
    let growing =
        cluster.node().post(NewMessage { streaming: Some(Streaming::Growing), ..new.clone() }).await;
    let sent = cluster.node().post(NewMessage { client_msg_id: Some("k".into()), ..new }).await;
    let mut tasks = JoinSet::new();
    let mut chunks = JoinSet::new();
    for number in 0..16 {
        let store = cluster.node().store.clone();
        let (edit, reaction) = (command(tom, &sent), command([tom, jerry][number / 2 % 2], &sent));
        tasks.spawn(async move {
            let edited = store.edit(edit, format!("edit {number}")).await.unwrap();
            let reacted = store.react(reaction, format!(":{}:", number / 4), true).await.unwrap();
            [edited, reacted].map(|changed| matches!(changed, Changed::Now(..)))
        });
        let (store, chunk) =
            (cluster.node().store.clone(), Chunk { offset: 0, content: "Once upon a time".into() });
        let command = command(tom, &growing);
        chunks.spawn(async move { store.append(command, chunk, 1000).await.unwrap().already });
    }
    let changes = all(tasks).await;
    assert_eq!(changes.iter().filter(|[edited, _]| *edited).count(), 16);
    assert_eq!(changes.iter().filter(|[_, reacted]| *reacted).count(), 8, "four kinds by two");
    assert_eq!(all(chunks).await.iter().filter(|already| !**already).count(), 1);
    let read = cluster.store().message(jerry, sent.id).await.unwrap();
    assert!(read.reactions.iter().all(|reaction| reaction.count == 2) && read.reactions.len() == 4);
    assert_eq!(cluster.store().versions(jerry, sent.id).await.unwrap().len(), 16);
    assert_eq!(cluster.store().message(jerry, growing.id).await.unwrap().content, "Once upon a time");
    cluster.check().await;
}

pub async fn what_one_node_has_answered_the_other_knows(stores: &dyn Stores) {
    let cluster = two(stores).await;
    let [here, there] = [&cluster.nodes[0], &cluster.nodes[1]];
    let tom = here.user("tom").await;
    let jerry = there.user("jerry").await;
    let name = LoginName::Username("TOM".into());
    assert_eq!(there.store.credentials(name).await.unwrap().unwrap().account.id, tom);
    let group = there.group(tom, &[]).await;
    let to = Recipient::Group(group.id);
    assert_eq!(code(here.store.post(message(jerry, to, "hi")).await), "not_a_member");
    here.add(tom, group.id, jerry).await.unwrap();
    let sent = there.say(jerry, to, "hi").await;
    assert_eq!(here.store.message(tom, sent.id).await.unwrap(), sent);
    here.store.edit(command(jerry, &sent), "hi Tom".into()).await.unwrap();
    assert_eq!(there.store.message(tom, sent.id).await.unwrap().content, "hi Tom");
    there.store.remove_member(RemoveMember { actor: tom, group: group.id, user: jerry }).await.unwrap();
    assert_eq!(code(here.store.post(message(jerry, to, "still here")).await), "not_a_member");
    let ended = Ended { user: jerry, which: Revoked::IssuedBefore(9) };
    here.store.revoke(ended).await.unwrap();
    assert_eq!(there.store.revocations(0).await.unwrap(), [ended]);
    for user in [tom, jerry] {
        let changes =
            async |node: &TestStore| node.store.changes(user, Position(0).into(), 100).await.unwrap();
        assert_eq!(format!("{:?}", changes(here).await), format!("{:?}", changes(there).await));
    }
    let end = here.store.log_end().await.unwrap();
    assert_eq!(there.store.log_end().await.unwrap(), end, "one log has one epoch");
    cluster.check().await;
}

pub async fn one_node_goes_on_when_the_other_ends_and_comes_back(stores: &dyn Stores) {
    let here = stores.fresh().await;
    let there = here.second().await;
    let [tom, jerry] = here.users(["tom", "jerry"]).await;
    let to = Recipient::User(jerry);
    let mut sent: Vec<Message> = vec![here.say(tom, to, "1").await, there.say(tom, to, "2").await];
    let first = there.sink.events();
    there.close().await;
    assert_eq!(code(there.store.post(message(tom, to, "refused")).await), "storage_unavailable");
    sent.push(here.say(tom, to, "3").await);
    let there = there.reopen().await;
    sent.push(there.say(tom, to, "4").await);
    assert_eq!(seqs(&sent), [1, 2, 3, 4]);
    assert_eq!(here.store.direct_history(jerry, tom, ALL).await.unwrap(), sent);
    let mut events: Vec<_> = [first, here.sink.events(), there.sink.events()].concat();
    events.sort_by_key(|event| event.position);
    assert!(events.iter().map(|event| event.position.0).eq(1..=5));
    assert!(matches!(events[0].change, Change::ConversationChanged(_)));
}

pub fn any_sequence_of_actions_matches_the_model_on_any_node(stores: &dyn Stores) {
    let cases = Cases::on(async || two(stores).await);
    proptest!(ProptestConfig::with_cases(16), |(actions in random::actions())| {
        cases.run(async |cluster| random::run(cluster, actions).await);
    });
}

pub fn counts_on_any_node_are_those_of_counting_one_by_one(stores: &dyn Stores) {
    let cases = Cases::on(async || two(stores).await);
    proptest!(ProptestConfig::with_cases(6), |(scenario in unread::scenario())| {
        cases.run(async |cluster| unread::run(cluster, scenario).await);
    });
}

pub fn a_client_that_resumes_at_another_node_each_time_has_what_a_fresh_one_has(stores: &dyn Stores) {
    let cases = Cases::on(async || two(stores).await);
    proptest!(ProptestConfig::with_cases(32), |(scenario in sync::random::scenario())| {
        cases.run(async |cluster| sync::random::run(cluster, scenario).await);
    });
}

pub async fn readers_of_the_feed_keep_up_with_both_nodes(stores: &dyn Stores) {
    feed::run_beside_readers(&two(stores).await).await;
}

pub fn any_sequence_of_actions_on_two_nodes_is_read_as_published(stores: &dyn Stores) {
    let cases = Cases::on(async || two(stores).await);
    proptest!(ProptestConfig::with_cases(8), |(actions in random::actions(), limit in 1..50_u16)| {
        cases.run(async |cluster| feed::run(cluster, actions, limit).await);
    });
}
