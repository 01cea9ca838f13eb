//! Tests of search: what is found, by which users, and how the index follows the database.

use std::time::{Duration, Instant};

use chat_core::Error;
use chat_core::groups::{NewGroup, RemoveMember};
use chat_core::ids::{ConversationId, UserId};
use chat_core::live_text::{Chunk, Finish};
use chat_core::media::Media;
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::{Body, NewMessage};
use chat_core::search::{Order, Search, Term, parse_terms};
use chat_core::time::Timestamp;

use super::samples::{NOW, code, command, contents, ids, message};
use super::test_store::{Stores, TestStore};

/// Longest time for the index to catch up.
const DEADLINE: Duration = Duration::from_secs(20);

fn search(query: &str) -> Search {
    Search { terms: parse_terms(query).unwrap(), limit: 100, ..Search::default() }
}

async fn found(node: &TestStore, reader: UserId, search: Search) -> Vec<Message> {
    node.store.search(reader, search).await.unwrap()
}

pub async fn texts(node: &TestStore, reader: UserId, query: &str) -> Vec<String> {
    let messages = found(node, reader, search(query)).await;
    messages.into_iter().map(|message| message.content).collect()
}

/// Waits until the reader finds exactly these messages, the newest first.
pub async fn wait_for(node: &TestStore, reader: UserId, query: &str, expected: &[&str]) {
    let begun = Instant::now();
    loop {
        // A search may fail for a moment while an index is rebuilt.
        let last = node.store.search(reader, search(query)).await;
        if last.as_ref().is_ok_and(|messages| contents(messages) == expected) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{query}: {last:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until all messages so far are in the index, so that a later search misses none of them.
pub async fn settle(node: &TestStore) {
    let name = format!("settler{}", node.sink.events().len());
    let [one, other] = [node.user(&name).await, node.user(&format!("{name}b")).await];
    node.say(one, Recipient::User(other), &name).await;
    wait_for(node, other, &name, &[&name]).await;
}

pub async fn words_beginnings_and_phrases_are_found_without_regard_to_case_and_accents(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for text in [
        "The Blue cheese is GONE",
        "cheese, blue as the sky",
        "Crème brûlée; Ærø, ÉCLAIR",
        "it's Jerry's cheesecake (4711)",
        "Сыр и мышь",
        "奶酪 is cheese",
    ] {
        node.say(tom, Recipient::User(jerry), text).await;
    }
    settle(&node).await;
    let [blue, sky, creme, its, russian, chinese] = [
        "The Blue cheese is GONE",
        "cheese, blue as the sky",
        "Crème brûlée; Ærø, ÉCLAIR",
        "it's Jerry's cheesecake (4711)",
        "Сыр и мышь",
        "奶酪 is cheese",
    ];
    let expected: [(&str, &[&str]); 21] = [
        ("cheese", &[chinese, sky, blue]),
        ("CHEESE", &[chinese, sky, blue]),
        ("chees", &[]),
        ("chees*", &[chinese, its, sky, blue]),
        ("c*", &[chinese, its, creme, sky, blue]),
        ("ch*", &[chinese, its, sky, blue]),
        ("che*", &[chinese, its, sky, blue]),
        ("cheese blue", &[sky, blue]),
        ("\"blue cheese\"", &[blue]),
        ("\"cheese blue\"", &[sky]),
        ("\"Blue Cheese\" gone", &[blue]),
        ("creme", &[creme]),
        ("CRÉME BRULEE", &[creme]),
        ("eclair", &[creme]),
        ("it's", &[its]),
        ("it’s", &[its]),
        ("4711", &[its]),
        ("47*", &[its]),
        ("СЫР", &[russian]),
        ("奶酪", &[chinese]),
        ("cheese wolf", &[]),
    ];
    for (query, expected) in expected {
        assert_eq!(texts(&node, jerry, query).await, expected, "{query}");
    }
}

pub async fn filters_narrow_a_search_or_stand_alone(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let hour = 3_600_000_000;
    let post = async |sender: UserId, to: UserId, text: &str, hours: i64, url: &str| {
        let media =
            if url.is_empty() { Vec::new() } else { vec![Media { url: url.into(), ..Media::default() }] };
        let body = Body { content: text.into(), media, ..Body::default() };
        let at = Timestamp(NOW.0 + hours * hour);
        node.post(NewMessage { body, at, ..message(sender, Recipient::User(to), "") }).await
    };
    let first = post(tom, jerry, "cheese one", 0, "").await;
    let second = post(jerry, tom, "cheese two", 10, "https://example.com/2.png").await;
    let third = post(tom, spike, "cheese three", 20, "").await;
    let fourth = post(tom, jerry, "", 30, "https://example.com/4.png").await;
    settle(&node).await;
    let cheese = || search("cheese");
    let cases = [
        ("words", cheese(), vec![&third, &second, &first]),
        ("a sender", Search { sender: Some(tom), ..cheese() }, vec![&third, &first]),
        ("an unknown sender", Search { sender: Some(UserId(99)), ..cheese() }, vec![]),
        ("a conversation", Search { conversation: Some(third.conversation), ..cheese() }, vec![&third]),
        ("an unknown one", Search { conversation: Some(ConversationId(99)), ..cheese() }, vec![]),
        ("media", Search { has_media: Some(true), ..cheese() }, vec![&second]),
        ("no media", Search { has_media: Some(false), ..cheese() }, vec![&third, &first]),
        ("since", Search { since: Some(second.sent_at), ..cheese() }, vec![&third, &second]),
        ("until", Search { until: Some(second.sent_at), ..cheese() }, vec![&first]),
        (
            "a moment",
            Search { since: Some(second.sent_at), until: Some(third.sent_at), ..cheese() },
            vec![&second],
        ),
        ("all time", Search { since: Some(Timestamp(i64::MIN)), ..cheese() }, vec![&third, &second, &first]),
        ("no time", Search { until: Some(Timestamp(i64::MIN)), ..cheese() }, vec![]),
        ("the next page", Search { before: Some(third.id), limit: 1, ..cheese() }, vec![&second]),
        ("two", Search { limit: 2, ..cheese() }, vec![&third, &second]),
        ("media alone", Search { has_media: Some(true), ..search("") }, vec![&fourth, &second]),
        ("a sender alone", Search { sender: Some(jerry), ..search("") }, vec![&second]),
        (
            "a conversation alone",
            Search { conversation: Some(first.conversation), ..search("") },
            vec![&fourth, &second, &first],
        ),
        ("nothing at all", search(""), vec![&fourth, &third, &second, &first]),
    ];
    for (what, search, expected) in cases {
        let found = found(&node, tom, search).await;
        let expected: Vec<_> = expected.into_iter().map(|message| message.id.0).collect();
        assert_eq!(ids(&found), expected, "{what}");
    }
    let found = found(&node, tom, cheese()).await;
    assert_eq!(found[1], node.store.message(tom, second.id).await.unwrap(), "found as it is read");
}

pub async fn a_user_finds_only_visible_messages(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let secret = node.say(tom, Recipient::User(jerry), "secret cheese").await;
    let shared = node.say(tom, Recipient::Group(group.id), "common cheese").await;
    let hidden = node.say(jerry, Recipient::Group(group.id), "embarrassing cheese").await;
    settle(&node).await;
    assert_eq!(texts(&node, spike, "cheese").await, ["embarrassing cheese", "common cheese"]);
    assert_eq!(
        texts(&node, jerry, "cheese").await,
        ["embarrassing cheese", "common cheese", "secret cheese"]
    );
    assert_eq!(texts(&node, UserId(99), "cheese").await, [""; 0]);
    let secret = Search { conversation: Some(secret.conversation), ..search("cheese") };
    assert_eq!(contents(&found(&node, tom, secret.clone()).await), ["secret cheese"]);
    assert_eq!(found(&node, spike, secret).await, [], "naming a conversation does not open it");

    // None of these assertions waits for the index.
    node.store.hide(command(spike, &hidden)).await.unwrap();
    assert_eq!(texts(&node, spike, "cheese").await, ["common cheese"]);
    assert_eq!(texts(&node, tom, "embarrassing").await, ["embarrassing cheese"]);
    node.store.delete(command(tom, &shared)).await.unwrap();
    assert_eq!(texts(&node, spike, "cheese").await, [""; 0]);
    let leave = |user| RemoveMember { actor: tom, group: group.id, user };
    node.store.remove_member(leave(jerry)).await.unwrap();
    assert_eq!(texts(&node, jerry, "cheese").await, ["secret cheese"]);
    node.add(tom, group.id, jerry).await.unwrap();
    assert_eq!(texts(&node, jerry, "cheese").await, ["embarrassing cheese", "secret cheese"]);
}

pub async fn the_index_follows_edits_deletions_and_texts_that_grow(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let to = Recipient::User(jerry);
    let edited = node.say(tom, to, "old cheddar").await;
    let deleted = node.say(tom, to, "old gouda").await;
    settle(&node).await;
    node.store.edit(command(tom, &edited), "new brie".into()).await.unwrap();
    node.store.delete(command(tom, &deleted)).await.unwrap();
    wait_for(&node, jerry, "brie", &["new brie"]).await;
    for gone in ["old", "cheddar", "gouda"] {
        assert_eq!(texts(&node, jerry, gone).await, [""; 0], "{gone}");
    }
    let new = NewMessage { streaming: Some(Streaming::Growing), ..message(tom, to, "a mouse") };
    let growing = node.post(new).await;
    wait_for(&node, jerry, "mouse", &["a mouse"]).await;
    let chunk = Chunk { offset: 7, content: "trap snaps".into() };
    node.store.append(command(tom, &growing), chunk, 1000).await.unwrap();
    wait_for(&node, jerry, "mousetrap", &["a mousetrap snaps"]).await;
    assert_eq!(texts(&node, jerry, "mouse").await, [""; 0]);
    let finish = Finish { state: Streaming::Finished, content: Some("a trap door".into()) };
    node.store.finish(command(tom, &growing), finish).await.unwrap();
    wait_for(&node, jerry, "door", &["a trap door"]).await;
    assert_eq!(texts(&node, jerry, "mousetrap").await, [""; 0]);
}

pub async fn what_changes_while_search_is_off_is_found_when_it_is_on_again(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let edited = node.say(tom, Recipient::User(jerry), "old cheddar").await;
    settle(&node).await;
    let node = node.reopen_without_search().await;
    node.store.edit(command(tom, &edited), "new brie".into()).await.unwrap();
    node.say(jerry, Recipient::User(tom), "more brie").await;
    assert_eq!(code(node.store.search(tom, search("brie")).await), "search_off");
    let node = node.reopen().await;
    wait_for(&node, tom, "brie", &["more brie", "new brie"]).await;
    assert_eq!(texts(&node, tom, "cheddar").await, [""; 0]);
}

pub async fn the_best_comes_first_if_asked_for(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for text in [
        "cheese cheese cheese",
        "much ado about many things, and among them, near the end of the text, also some cheese",
        "cheese and wine",
        "wine",
    ] {
        node.say(tom, Recipient::User(jerry), text).await;
    }
    settle(&node).await;
    let best = Search { order: Order::Best, ..search("cheese") };
    let found_best = found(&node, jerry, best.clone()).await;
    assert_eq!(contents(&found_best)[..2], ["cheese cheese cheese", "cheese and wine"]);
    assert_eq!(found_best.len(), 3);
    assert_eq!(contents(&found(&node, jerry, Search { limit: 1, ..best }).await), ["cheese cheese cheese"]);
}

/// Posts many messages at once. They keep this order if nothing else writes.
async fn post_all(
    node: &TestStore,
    messages: impl Iterator<Item = (UserId, Recipient, String)>,
) -> Vec<Message> {
    // Fewer than the queue of any store holds.
    const AT_ONCE: usize = 500;
    let mut posted = Vec::new();
    let mut messages = messages.peekable();
    while messages.peek().is_some() {
        let tasks: Vec<_> = messages
            .by_ref()
            .take(AT_ONCE)
            .map(|(sender, to, content)| {
                let store = node.store.clone();
                tokio::spawn(async move { store.post(message(sender, to, &content)).await.unwrap() })
            })
            .collect();
        for task in tasks {
            posted.push(task.await.unwrap().message().clone());
        }
    }
    posted
}

pub async fn many_messages_of_others_hide_none_of_a_users_own(stores: &dyn Stores) {
    const MINE: usize = 1200;
    let node = stores.fresh().await;
    let [me, stranger] = node.users(["tom", "stranger"]).await;
    let making = (0..MINE).map(|_| {
        let store = node.store.clone();
        let new = NewGroup { name: "Shelf".into(), owner: me, at: NOW };
        tokio::spawn(async move { store.create_group(new).await.unwrap().group.id })
    });
    let mut groups = Vec::new();
    for group in making.collect::<Vec<_>>() {
        groups.push(Recipient::Group(group.await.unwrap()));
    }
    let foreign = Recipient::Group(node.group(stranger, &[]).await.id);
    // Two messages in each of the user's own conversations, the second ones in the opposite order; before, between and
    // after them the messages of strangers.
    let noise = || (0..2500).map(|_| (stranger, foreign, "cheese of strangers".to_owned()));
    let mine = |turn: &'static str| {
        groups.iter().enumerate().map(move |(id, to)| (me, *to, format!("{turn} cheese {id}")))
    };
    post_all(&node, noise()).await;
    let mut own = post_all(&node, mine("first")).await;
    post_all(&node, noise()).await;
    own.extend(post_all(&node, mine("second").rev()).await);
    post_all(&node, noise()).await;
    settle(&node).await;
    own.sort_unstable_by_key(|message| std::cmp::Reverse(message.id));
    let mut before = None;
    let mut all = Vec::new();
    loop {
        let page = found(&node, me, Search { before, ..search("cheese") }).await;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        all.extend(page);
    }
    assert_eq!(ids(&all), ids(&own), "the newest first, and none twice");
    let rare = texts(&node, me, "cheese 700").await;
    assert_eq!(rare, ["second cheese 700", "first cheese 700"]);
    assert_eq!(texts(&node, me, "strangers").await, [""; 0]);
    let best = found(&node, me, Search { order: Order::Best, ..search("cheese") }).await;
    assert_eq!(best.len(), 100);
}

pub async fn typed_text_is_taken_for_words_only(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    node.say(tom, Recipient::User(jerry), "cheese near the mouse hole c1 u1 m0").await;
    node.say(tom, Recipient::User(spike), "zebra").await;
    settle(&node).await;
    // Each of these queries would find the message, or fail, if any part of it were taken for an operator.
    let typed = [
        "cheese OR zebra",
        "cheese NOT zebra",
        "zebra OR cheese",
        "NEAR(cheese mouse)",
        "cheese AND mouse",
        "zebra* OR content:cheese",
        "content:cheese",
        "scope:c1",
        "scope:(c1)",
        "{content scope}:cheese",
        "- cheese zebra",
        "^mouse hole",
        "cheese + zebra",
        "(cheese) OR (zebra)",
        "'; DROP TABLE texts; --",
        "\" OR \"cheese",
        "\"cheese\" OR \"zebra\"",
        "cheese\" OR scope:\"c1",
        "zebra\0 OR cheese",
    ];
    let [plain, phrased]: [fn(&str) -> Term; 2] =
        [|text| Term::Word(text.into()), |text| Term::Phrase(text.into())];
    for text in typed {
        for terms in [
            parse_terms(text).unwrap(),
            vec![plain(text)],
            vec![phrased(text)],
            vec![Term::Prefix(text.into())],
        ] {
            let what = format!("{text:?} as {terms:?}");
            let answer = node.store.search(jerry, Search { terms, limit: 10, ..Search::default() }).await;
            let found = answer.unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert!(found.is_empty() || is_plainly_in(text), "{what}: {found:?}");
        }
    }
    for odd in ["\"", "*", "\0", "", "\u{301}", "-", "()", "ः", "👍"] {
        for terms in [vec![plain(odd)], vec![Term::Prefix(odd.into())], vec![plain(odd), plain("cheese")]] {
            let search = Search { terms, limit: 10, ..Search::default() };
            assert!(node.store.search(spike, search.clone()).await.unwrap().len() <= 1, "{odd:?}");
            assert_eq!(ids(&node.store.search(UserId(99), search).await.unwrap()), [0; 0], "{odd:?}");
        }
    }
    let long = "a b \" OR * ".repeat(20_000);
    assert_eq!(found(&node, jerry, Search { terms: vec![plain(&long)], ..search("") }).await, []);
    assert_eq!(texts(&node, jerry, "c1").await.len(), 1, "a word that looks like the index's own");
    assert_eq!(texts(&node, spike, "c1").await, [""; 0]);
    assert_eq!(texts(&node, spike, "m0").await, [""; 0]);
}

/// Whether the message contains all of these words, as whole words.
fn is_plainly_in(text: &str) -> bool {
    let words = ["cheese", "near", "the", "mouse", "hole", "c1", "u1", "m0"];
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    split.into_iter().all(|word| words.contains(&word.to_lowercase().as_str()))
}

pub async fn a_closed_store_finds_nothing_and_says_so(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let tom = node.user("tom").await;
    node.close().await;
    assert!(matches!(node.store.search(tom, search("cheese")).await, Err(Error::Unavailable(_))));
}
