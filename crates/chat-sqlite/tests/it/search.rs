//! Searching: what is found, by whom, and what becomes of the index beside the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::Error;
use chat_core::groups::RemoveMember;
use chat_core::ids::{ConversationId, UserId};
use chat_core::live_text::{Ending, Piece};
use chat_core::messages::{Media, Message, Recipient, Streaming};
use chat_core::posting::{Body, NewMessage};
use chat_core::search::{Order, Search, Term, parse_terms};
use chat_core::time::Timestamp;
use chat_sqlite::{Options, Sqlite};
use rusqlite::{Connection, params};
use tokio::task::JoinSet;

use crate::support::{House, NOW, Recorder, code, contents, deed, ids, message};

/// How long the index may take before a test gives up on it.
const DEADLINE: Duration = Duration::from_secs(20);

fn search(query: &str) -> Search {
    Search { terms: parse_terms(query).unwrap(), limit: 100, ..Search::default() }
}

async fn found(house: &House, reader: UserId, search: Search) -> Vec<Message> {
    house.store.search(reader, search).await.unwrap()
}

async fn texts(house: &House, reader: UserId, query: &str) -> Vec<String> {
    let messages = found(house, reader, search(query)).await;
    messages.into_iter().map(|message| message.content).collect()
}

/// Waits until the reader finds exactly this, the newest first.
async fn wait_for(house: &House, reader: UserId, query: &str, expected: &[&str]) {
    let begun = Instant::now();
    loop {
        // While an index is made anew there may be none for a moment.
        let last = house.store.search(reader, search(query)).await;
        if last.as_ref().is_ok_and(|messages| contents(messages) == expected) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "{query}: {last:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until everything up to now is in the index, so that what is not found after this is not to be found.
async fn settle(house: &House) {
    let name = format!("settler{}", house.sink.events().len());
    let [one, other] = [house.user(&name).await, house.user(&format!("{name}b")).await];
    house.say(one, Recipient::User(other), &name).await;
    wait_for(house, other, &name, &[&name]).await;
}

#[tokio::test]
async fn words_beginnings_and_phrases_are_found_without_regard_to_case_and_accents() {
    let (house, _folder) = House::fresh();
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    for text in [
        "The Blue cheese is GONE",
        "cheese, blue as the sky",
        "Crème brûlée; Ærø, ÉCLAIR",
        "it's Jerry's cheesecake (4711)",
        "Сыр и мышь",
        "奶酪 is cheese",
    ] {
        house.say(tom, Recipient::User(jerry), text).await;
    }
    settle(&house).await;
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
        assert_eq!(texts(&house, jerry, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn filters_narrow_a_search_or_stand_alone() {
    let (house, _folder) = House::fresh();
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let hour = 3_600_000_000;
    let post = async |sender: UserId, to: UserId, text: &str, hours: i64, url: &str| {
        let media =
            if url.is_empty() { Vec::new() } else { vec![Media { url: url.into(), ..Media::default() }] };
        let body = Body { content: text.into(), media, ..Body::default() };
        let at = Timestamp(NOW.0 + hours * hour);
        house.post(NewMessage { body, at, ..message(sender, Recipient::User(to), "") }).await
    };
    let first = post(tom, jerry, "cheese one", 0, "").await;
    let second = post(jerry, tom, "cheese two", 10, "https://example.com/2.png").await;
    let third = post(tom, spike, "cheese three", 20, "").await;
    let fourth = post(tom, jerry, "", 30, "https://example.com/4.png").await;
    settle(&house).await;
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
        let found = found(&house, tom, search).await;
        let expected: Vec<_> = expected.into_iter().map(|message| message.id.0).collect();
        assert_eq!(ids(&found), expected, "{what}");
    }
    let found = found(&house, tom, cheese()).await;
    assert_eq!(found[1], house.store.message(tom, second.id).await.unwrap(), "found as it is read");
}

#[tokio::test]
async fn one_finds_only_what_one_may_see() {
    let (house, _folder) = House::fresh();
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry, spike]).await;
    house.say(tom, Recipient::User(jerry), "secret cheese").await;
    let shared = house.say(tom, Recipient::Group(group.id), "common cheese").await;
    let hidden = house.say(jerry, Recipient::Group(group.id), "embarrassing cheese").await;
    settle(&house).await;
    assert_eq!(texts(&house, spike, "cheese").await, ["embarrassing cheese", "common cheese"]);
    assert_eq!(
        texts(&house, jerry, "cheese").await,
        ["embarrassing cheese", "common cheese", "secret cheese"]
    );
    assert_eq!(texts(&house, UserId(99), "cheese").await, [""; 0]);
    let secret = Search { conversation: Some(ConversationId(2)), ..search("cheese") };
    assert_eq!(contents(&found(&house, tom, secret.clone()).await), ["secret cheese"]);
    assert_eq!(found(&house, spike, secret).await, [], "naming a conversation does not open it");

    // None of these waits for the index.
    house.store.hide(deed(spike, &hidden)).await.unwrap();
    assert_eq!(texts(&house, spike, "cheese").await, ["common cheese"]);
    assert_eq!(texts(&house, tom, "embarrassing").await, ["embarrassing cheese"]);
    house.store.delete(deed(tom, &shared)).await.unwrap();
    assert_eq!(texts(&house, spike, "cheese").await, [""; 0]);
    let leave = |user| RemoveMember { actor: tom, group: group.id, user };
    house.store.remove_member(leave(jerry)).await.unwrap();
    assert_eq!(texts(&house, jerry, "cheese").await, ["secret cheese"]);
    house.add(tom, group.id, jerry).await.unwrap();
    assert_eq!(texts(&house, jerry, "cheese").await, ["embarrassing cheese", "secret cheese"]);
}

#[tokio::test]
async fn the_index_follows_edits_deletions_and_texts_that_grow() {
    let (house, _folder) = House::fresh();
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let to = Recipient::User(jerry);
    let edited = house.say(tom, to, "old cheddar").await;
    let deleted = house.say(tom, to, "old gouda").await;
    settle(&house).await;
    house.store.edit(deed(tom, &edited), "new brie".into()).await.unwrap();
    house.store.delete(deed(tom, &deleted)).await.unwrap();
    wait_for(&house, jerry, "brie", &["new brie"]).await;
    for gone in ["old", "cheddar", "gouda"] {
        assert_eq!(texts(&house, jerry, gone).await, [""; 0], "{gone}");
    }
    let new = NewMessage { streaming: Some(Streaming::Growing), ..message(tom, to, "a mouse") };
    let growing = house.post(new).await;
    wait_for(&house, jerry, "mouse", &["a mouse"]).await;
    let piece = Piece { offset: 7, content: "trap snaps".into() };
    house.store.append(deed(tom, &growing), piece, 1000).await.unwrap();
    wait_for(&house, jerry, "mousetrap", &["a mousetrap snaps"]).await;
    assert_eq!(texts(&house, jerry, "mouse").await, [""; 0]);
    let ending = Ending { state: Streaming::Finished, content: Some("a trap door".into()) };
    house.store.finish(deed(tom, &growing), ending).await.unwrap();
    wait_for(&house, jerry, "door", &["a trap door"]).await;
    assert_eq!(texts(&house, jerry, "mousetrap").await, [""; 0]);
}

#[tokio::test]
async fn what_changes_while_the_server_is_off_the_index_learns_at_its_next_start() {
    let (house, _folder) = House::fresh();
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let edited = house.say(tom, Recipient::User(jerry), "old cheddar").await;
    settle(&house).await;
    let path = house.path.clone();
    drop(house);
    let options = Options { path: path.clone(), readers: 1, search: false };
    let without = Sqlite::open(&options, Arc::new(Recorder::default())).unwrap().store;
    {
        use chat_core::edits::EditStore as _;
        use chat_core::messages::MessageStore as _;
        use chat_core::search::SearchStore as _;
        without.edit(deed(tom, &edited), "new brie".into()).await.unwrap();
        without.post(message(jerry, Recipient::User(tom), "more brie")).await.unwrap();
        assert_eq!(code(without.search(tom, search("brie")).await), "search_off");
    }
    drop(without);
    let house = House::open(&path).unwrap();
    wait_for(&house, tom, "brie", &["more brie", "new brie"]).await;
    assert_eq!(texts(&house, tom, "cheddar").await, [""; 0]);
}

#[tokio::test]
async fn the_best_comes_first_if_asked_for() {
    let (house, _folder) = House::fresh();
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    for text in [
        "cheese cheese cheese",
        "much ado about many things, and among them, near the end of the text, also some cheese",
        "cheese and wine",
        "wine",
    ] {
        house.say(tom, Recipient::User(jerry), text).await;
    }
    settle(&house).await;
    let best = Search { order: Order::Best, ..search("cheese") };
    let found_best = found(&house, jerry, best.clone()).await;
    assert_eq!(contents(&found_best)[..2], ["cheese cheese cheese", "cheese and wine"]);
    assert_eq!(found_best.len(), 3);
    assert_eq!(ids(&found(&house, jerry, Search { limit: 1, ..best }).await), [1]);
}

/// Rows straight into a database that no server has open: `conversations` groups of `users` each (ids from 1), and the
/// messages `(conversation, content)`.
fn fill(path: &Path, members: &[(i64, i64)], messages: impl Iterator<Item = (i64, String)>) {
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    for &(conversation, user) in members {
        let sql = "INSERT OR IGNORE INTO conversations (id) VALUES (?1)";
        tx.prepare_cached(sql).unwrap().execute([conversation]).unwrap();
        let sql =
            "INSERT INTO members (conversation_id, user_id, role, joined_at) VALUES (?1, ?2, 'member', 0)";
        tx.prepare_cached(sql).unwrap().execute([conversation, user]).unwrap();
    }
    for (seq, (conversation, content)) in (1i64..).zip(messages) {
        let sql =
            "INSERT INTO messages (conversation_id, seq, rev, position, sender_id, recipient_id, group_id,
                                         kind, content, media_url, sent_at)
                   VALUES (?1, ?2, 1, 0, 1, 0, ?1, 'text', ?3, '', ?4)";
        let row = params![conversation, seq, content, NOW.0 + seq];
        tx.prepare_cached(sql).unwrap().execute(row).unwrap();
    }
    tx.commit().unwrap();
}

#[tokio::test]
async fn the_many_messages_of_others_hide_none_of_ones_own() {
    const MINE: i64 = 1200;
    const FOREIGN: i64 = 5000;
    let (house, _folder) = House::fresh();
    let path = house.path.clone();
    drop(house);
    // Two messages in each of one's own conversations, the earlier ones in one order and the later ones in another;
    // before, between and after them those of strangers.
    let members: Vec<_> = (1..=MINE).map(|id| (id, 1)).chain([(FOREIGN, 2)]).collect();
    let noise = || (0..2500).map(|_| (FOREIGN, "cheese of strangers".to_owned()));
    let mine = |id: i64, turn: &str| (id, format!("{turn} cheese {id}"));
    let messages = noise()
        .chain((1..=MINE).map(|id| mine(id, "first")))
        .chain(noise())
        .chain((1..=MINE).rev().map(|id| mine(id, "second")))
        .chain(noise());
    fill(&path, &members, messages);
    let house = House::open(&path).unwrap();
    settle(&house).await;
    let newest: Vec<_> = (1..=100).map(|id| format!("second cheese {id}")).collect();
    assert_eq!(texts(&house, UserId(1), "cheese").await, newest);
    let mut before = None;
    let mut all = Vec::new();
    loop {
        let page = found(&house, UserId(1), Search { before, ..search("cheese") }).await;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        all.extend(page);
    }
    assert_eq!(all.len(), 2 * usize::try_from(MINE).unwrap());
    assert!(ids(&all).is_sorted_by(|one, other| one > other), "the newest first, and none twice");
    let rare = texts(&house, UserId(1), "cheese 700").await;
    assert_eq!(rare, ["second cheese 700", "first cheese 700"]);
    assert_eq!(texts(&house, UserId(1), "strangers").await, [""; 0]);
    let best = found(&house, UserId(1), Search { order: Order::Best, ..search("cheese") }).await;
    assert_eq!(best.len(), 100);
}

fn index_of(path: &Path) -> PathBuf {
    path.with_file_name("chat.db-search")
}

/// A store with two messages in its index, closed.
async fn closed() -> (PathBuf, UserId, tempfile::TempDir) {
    let (house, folder) = House::fresh();
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    house.say(tom, Recipient::User(jerry), "blue cheese").await;
    house.say(jerry, Recipient::User(tom), "red cheese").await;
    settle(&house).await;
    (house.path.clone(), tom, folder)
}

const BOTH: [&str; 2] = ["red cheese", "blue cheese"];

#[tokio::test]
async fn an_index_that_is_gone_or_no_good_is_made_anew() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 7] = [
        ("nothing", |_| {}),
        ("deleted", |index| std::fs::remove_file(index).unwrap()),
        ("emptied", |index| std::fs::write(index, "").unwrap()),
        ("text", |index| std::fs::write(index, "Dear diary, ".repeat(1000)).unwrap()),
        ("cut off", |index| {
            let whole = std::fs::read(index).unwrap();
            std::fs::write(index, &whole[..whole.len() / 2]).unwrap();
        }),
        ("another release's", |index| {
            Connection::open(index).unwrap().execute("UPDATE state SET version = 0", ()).unwrap();
        }),
        ("without its tables", |index| {
            Connection::open(index).unwrap().execute_batch("DROP TABLE texts; DROP TABLE state").unwrap();
        }),
    ];
    for (what, harm) in harms {
        let (path, tom, _folder) = closed().await;
        harm(&index_of(&path));
        let house = House::open(&path).unwrap_or_else(|error| panic!("{what}: {error}"));
        wait_for(&house, tom, "cheese", &BOTH).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_page_of_the_index_is_overwritten_all_is_found_again() {
    let (path, tom, _folder) = closed().await;
    let whole = std::fs::read(index_of(&path)).unwrap();
    assert!(whole.len() >= 6 * 4096, "{} bytes", whole.len());
    let mut tasks = JoinSet::new();
    for page in 0..whole.len() / 4096 {
        let mut broken = whole.clone();
        let mut noise = u8::try_from(page % 251).unwrap();
        for byte in &mut broken[page * 4096..(page + 1) * 4096] {
            noise = noise.wrapping_mul(141).wrapping_add(91);
            *byte = noise;
        }
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("chat.db");
        std::fs::copy(&path, &copy).unwrap();
        std::fs::write(index_of(&copy), broken).unwrap();
        tasks.spawn(async move {
            let house = House::open(&copy).unwrap_or_else(|error| panic!("page {page}: {error}"));
            house.say(tom, Recipient::User(UserId(2)), "green cheese").await;
            wait_for(&house, tom, "cheese", &["green cheese", "red cheese", "blue cheese"]).await;
            drop((house, folder));
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn an_index_that_breaks_while_it_is_used_is_made_anew() {
    let (path, tom, _folder) = closed().await;
    let house = House::open(&path).unwrap();
    // As a failing disk would: neither the length nor the open files change.
    for suffix in ["", "-wal"] {
        let file = path.with_file_name(format!("chat.db-search{suffix}"));
        let length = std::fs::metadata(&file).map_or(0, |file| file.len());
        std::fs::write(&file, vec![0xa5; usize::try_from(length).unwrap()]).unwrap();
    }
    wait_for(&house, tom, "cheese", &BOTH).await;
    house.say(tom, Recipient::User(UserId(2)), "green cheese").await;
    wait_for(&house, tom, "cheese", &["green cheese", "red cheese", "blue cheese"]).await;
}

#[tokio::test]
async fn an_index_of_another_log_is_made_anew() {
    let (path, tom, _folder) = closed().await;
    // A database restored from a backup that was made before the messages were there: the log is the same, but shorter.
    let sql = "DELETE FROM messages WHERE id > 1; UPDATE messages SET content = 'other words'";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let house = House::open(&path).unwrap();
    wait_for(&house, tom, "words", &["other words"]).await;
    assert_eq!(texts(&house, tom, "cheese").await, [""; 0]);
    drop(house);
    // Another database with as many messages.
    let sql = "UPDATE log SET epoch = epoch + 1; UPDATE messages SET content = 'blue cheese'";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let house = House::open(&path).unwrap();
    wait_for(&house, tom, "cheese", &["blue cheese"]).await;
    assert_eq!(texts(&house, tom, "words").await, [""; 0]);
}

#[tokio::test]
async fn nothing_that_is_typed_is_understood_as_anything_but_words() {
    let (house, _folder) = House::fresh();
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    house.say(tom, Recipient::User(jerry), "cheese near the mouse hole c1 u1 m0").await;
    house.say(tom, Recipient::User(spike), "zebra").await;
    settle(&house).await;
    // Each of these would find the message, or fail, if any of it were an operator.
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
            let answer = house.store.search(jerry, Search { terms, limit: 10, ..Search::default() }).await;
            let found = answer.unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert!(found.is_empty() || is_plainly_in(text), "{what}: {found:?}");
        }
    }
    for odd in ["\"", "*", "\0", "", "\u{301}", "-", "()", "ः", "👍"] {
        for terms in [vec![plain(odd)], vec![Term::Prefix(odd.into())], vec![plain(odd), plain("cheese")]] {
            let search = Search { terms, limit: 10, ..Search::default() };
            assert!(house.store.search(spike, search.clone()).await.unwrap().len() <= 1, "{odd:?}");
            assert_eq!(ids(&house.store.search(UserId(99), search).await.unwrap()), [0; 0], "{odd:?}");
        }
    }
    let long = "a b \" OR * ".repeat(20_000);
    assert_eq!(found(&house, jerry, Search { terms: vec![plain(&long)], ..search("") }).await, []);
    assert_eq!(texts(&house, jerry, "c1").await.len(), 1, "a word that looks like the index's own");
    assert_eq!(texts(&house, spike, "c1").await, [""; 0]);
    assert_eq!(texts(&house, spike, "m0").await, [""; 0]);
}

/// Whether the message has all of these words, as words.
fn is_plainly_in(text: &str) -> bool {
    let words = ["cheese", "near", "the", "mouse", "hole", "c1", "u1", "m0"];
    let split = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    split.into_iter().all(|word| words.contains(&word.to_lowercase().as_str()))
}

#[cfg(unix)]
#[tokio::test]
async fn the_index_is_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (house, folder) = House::fresh();
    settle(&house).await;
    for name in ["chat.db-search", "chat.db-search-wal", "chat.db-search-shm"] {
        let mode = std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(house);
}

#[tokio::test]
async fn a_closed_store_finds_nothing_and_says_so() {
    let (house, _folder) = House::fresh();
    let tom = house.user("tom").await;
    house.sqlite.close();
    assert!(matches!(house.store.search(tom, search("cheese")).await, Err(Error::Unavailable(_))));
}
