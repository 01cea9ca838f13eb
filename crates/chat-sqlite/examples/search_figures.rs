//! Measures search: fills a database with messages, times the building of the index, and then searches of every kind
//! by users in 3, in 300 and in all conversations. Last, it measures how many messages per second can be posted with
//! and without an index. It checks nothing and is not a test.
//!
//! `cargo run --release -p chat-sqlite --example search_figures [messages]`

#![expect(clippy::print_stdout, reason = "printing is what it is for")]
#![expect(clippy::unwrap_used, reason = "a measurement that fails is of no use")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_core::accounts::{AccountStore, NewAccount};
use chat_core::event::{Event, Signal};
use chat_core::ids::UserId;
use chat_core::media::MessageKind;
use chat_core::messages::Recipient;
use chat_core::ports::EventSink;
use chat_core::posting::{Body, NewMessage, PostingStore};
use chat_core::search::{Order, Search, SearchStore, Term};
use chat_core::time::Timestamp;
use chat_sqlite::{Options, Sqlite};
use rusqlite::{Connection, params};

const CONVERSATIONS: i64 = 3000;
const VOCABULARY: i64 = 50_000;
const SEARCHES: usize = 300;
const TURNS: u8 = 15;
const TURN: Duration = Duration::from_secs(2);
/// Stands in the last message, so that one can wait for it.
const LAST: &str = "zyzzyva";
const START: i64 = 1_700_000_000_000_000;

struct Nobody;

impl EventSink for Nobody {
    fn publish(&self, _: &[Arc<Event>]) {}

    fn signal(&self, _: Signal) {}
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: i64) -> i64 {
        i64::try_from(self.roll() >> 1).unwrap() % bound
    }

    /// Below `bound`, and the smaller the likelier, as words are in a language: every power of two is as likely as
    /// the others.
    fn skewed(&mut self, bound: i64) -> i64 {
        let bits = i64::from(bound.ilog2()) + 1;
        let below = 1 << (1 + self.below(bits));
        self.below(below).min(bound - 1)
    }
}

/// The word of this rank, of letters; frequent ones are short.
fn word(rank: i64) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "zo", "mi", "ha"];
    // Mixed by an odd factor, so that neighbours look different and no two are the same.
    let length = if rank < 200 { 2 } else { 4 };
    let mixed = usize::try_from(rank * 40_503 % (1 << (4 * length))).unwrap();
    (0..length).map(|index| SYLLABLES[mixed >> (4 * index) & 15]).collect()
}

fn text(dice: &mut Dice) -> String {
    let words = 1 + dice.skewed(40);
    let words: Vec<_> = (0..=words).map(|_| word(dice.skewed(VOCABULARY))).collect();
    words.join(" ")
}

fn open(path: &Path, search: bool) -> Arc<Sqlite> {
    let options = Options { path: path.to_owned(), readers: 2, search };
    Arc::new(Sqlite::open(&options, Arc::new(Nobody)).unwrap().store)
}

/// User 1 is in 3 conversations, user 2 in 300 and user 3 in all.
fn fill(path: &Path, messages: i64) {
    let mut connection = Connection::open(path).unwrap();
    let tx = connection.transaction().unwrap();
    let sql = "INSERT INTO members (conversation_id, user_id, role, joined_at) VALUES (?1, ?2, 'member', 0)";
    for conversation in 1..=CONVERSATIONS {
        tx.prepare_cached("INSERT INTO conversations (id) VALUES (?1)")
            .unwrap()
            .execute([conversation])
            .unwrap();
        for (user, every) in [(1, CONVERSATIONS / 3), (2, CONVERSATIONS / 300), (3, 1)] {
            if conversation % every == 0 {
                tx.prepare_cached(sql).unwrap().execute([conversation, user]).unwrap();
            }
        }
    }
    let mut dice = Dice(4711);
    let sql =
        "INSERT INTO messages (conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind,
                                     content, media_url, sent_at)
               VALUES (?1, ?2, 1, 0, ?3, 0, ?1, 'text', ?4, ?5, ?6)";
    for number in 1..=messages {
        let media = if dice.below(10) == 0 { "https://example.com/picture.png" } else { "" };
        let content = text(&mut dice);
        let content = if number == messages { LAST.to_owned() } else { content };
        let conversation = if number == messages { CONVERSATIONS } else { 1 + dice.below(CONVERSATIONS) };
        let sent_at = START + number * 1_000_000;
        let row = params![conversation, number, 1 + dice.below(2000), content, media, sent_at];
        tx.prepare_cached(sql).unwrap().execute(row).unwrap();
    }
    tx.commit().unwrap();
}

/// Searches of a kind, each different from the one before.
type Kind = (&'static str, fn(&mut Dice, i64) -> Search);

fn of(terms: Vec<Term>) -> Search {
    Search { terms, limit: 20, ..Search::default() }
}

fn any_word(dice: &mut Dice, from: i64, to: i64) -> Term {
    Term::Word(word(from + dice.below(to - from)))
}

const KINDS: [Kind; 13] = [
    ("common word", |dice, _| of(vec![any_word(dice, 0, 20)])),
    ("usual word", |dice, _| of(vec![any_word(dice, 100, 2000)])),
    ("rare word", |dice, _| of(vec![any_word(dice, 10_000, VOCABULARY)])),
    ("two common words", |dice, _| of(vec![any_word(dice, 0, 50), any_word(dice, 0, 50)])),
    ("common and rare word", |dice, _| of(vec![any_word(dice, 0, 50), any_word(dice, 10_000, VOCABULARY)])),
    ("phrase", |dice, _| {
        of(vec![Term::Phrase(format!("{} {}", word(dice.skewed(2000)), word(dice.skewed(2000))))])
    }),
    ("beginning, 1 to 3 letters", |dice, _| {
        let letters = usize::try_from(1 + dice.below(3)).unwrap();
        of(vec![Term::Prefix(word(dice.skewed(VOCABULARY))[..letters].to_owned())])
    }),
    ("beginning, 4 letters or more", |dice, _| {
        let word = word(dice.skewed(VOCABULARY));
        let letters = word.len().min(usize::try_from(4 + dice.below(4)).unwrap());
        of(vec![Term::Prefix(word[..letters].to_owned())])
    }),
    ("word of a sender", |dice, _| Search {
        sender: Some(UserId(1 + dice.below(2000))),
        ..of(vec![any_word(dice, 0, 500)])
    }),
    ("word with media", |dice, _| Search { has_media: Some(true), ..of(vec![any_word(dice, 0, 500)]) }),
    ("media alone", |_, _| Search { has_media: Some(true), ..of(Vec::new()) }),
    ("word in a span of time", |dice, messages| {
        let since = START + dice.below(messages) * 1_000_000;
        let until = since + messages * 50_000;
        let (since, until) = (Some(Timestamp(since)), Some(Timestamp(until)));
        Search { since, until, ..of(vec![any_word(dice, 0, 500)]) }
    }),
    ("best first", |dice, _| Search { order: Order::Best, ..of(vec![any_word(dice, 0, 2000)]) }),
];

fn percentile(times: &mut [Duration], share: usize) -> f64 {
    times.sort_unstable();
    times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3
}

async fn measure_searches(store: &Sqlite, messages: i64) {
    let mut dice = Dice(99);
    for (user, conversations) in [(1, 3), (2, 300), (3, CONVERSATIONS)] {
        let mut all = Vec::new();
        for (name, make) in KINDS {
            let (mut times, mut found) = (Vec::new(), 0);
            for _ in 0..SEARCHES {
                let search = make(&mut dice, messages);
                let begun = Instant::now();
                found += store.search(UserId(user), search).await.unwrap().len();
                times.push(begun.elapsed());
            }
            all.extend_from_slice(&times);
            let (half, most) = (percentile(&mut times, 50), percentile(&mut times, 99));
            let found = found as f64 / SEARCHES as f64;
            println!(
                "{conversations:>5} conversations  {name:<30} p50 {half:7.2} ms  p99 {most:7.2} ms  found {found:5.1}"
            );
        }
        let (half, most) = (percentile(&mut all, 50), percentile(&mut all, 99));
        println!("{conversations:>5} conversations  ALL{:>27} p50 {half:7.2} ms  p99 {most:7.2} ms", "");
    }
}

/// Waits until the word is found.
async fn indexed(store: &Sqlite, reader: UserId, word: &str) {
    while store.search(reader, of(vec![Term::Word(word.into())])).await.is_ok_and(|found| found.is_empty()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Messages a second that 512 senders post, each waiting for its answer.
async fn posting(search: bool) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("chat.db"), search);
    for name in ["tom", "jerry"] {
        let (username, email) = (name.to_owned(), format!("{name}@example.com"));
        let account = NewAccount {
            username,
            email,
            password_hash: String::new(),
            is_demo: false,
            at: Timestamp(START),
        };
        store.create_account(account).await.unwrap();
    }
    let begun = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..512 {
        let store = store.clone();
        tasks.spawn(async move {
            let (mut dice, mut posted) = (Dice(task + 1), 0u32);
            while begun.elapsed() < TURN {
                store.post(message(text(&mut dice))).await.unwrap();
                posted += 1;
            }
            posted
        });
    }
    let posted: u32 = tasks.join_all().await.into_iter().sum();
    let rate = f64::from(posted) / begun.elapsed().as_secs_f64();
    if search {
        store.post(message(LAST.into())).await.unwrap();
        // Else it would take its time from the next turn.
        indexed(&store, UserId(1), LAST).await;
    }
    rate
}

fn message(content: String) -> NewMessage {
    NewMessage {
        sender: UserId(1),
        to: Recipient::User(UserId(2)).into(),
        kind: MessageKind::Text,
        body: Body { content, ..Body::default() },
        forwarded: None,
        streaming: None,
        client_msg_id: None,
        intention: None,
        at: Timestamp(START),
    }
}

#[tokio::main]
async fn main() {
    let messages: i64 = std::env::args().nth(1).map_or(1_000_000, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat.db");
    drop(open(&path, false));
    fill(&path, messages);
    let begun = Instant::now();
    let store = open(&path, true);
    indexed(&store, UserId(3), LAST).await;
    let seconds = begun.elapsed().as_secs_f64();
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |file| file.len() >> 20);
    println!("index of {messages} messages made in {seconds:.1} s, {:.0}/s", messages as f64 / seconds);
    println!("database {} MiB, index {} MiB", size("chat.db"), size("chat.db-search"));
    measure_searches(&store, messages).await;
    drop(store);
    // In many short turns, because the machine may be busier at one time than at another.
    let (mut without, mut with) = (0.0, 0.0);
    for _ in 0..TURNS {
        without += posting(false).await / f64::from(TURNS);
        with += posting(true).await / f64::from(TURNS);
    }
    println!("posted without an index {without:.0}/s, with one {with:.0}/s: {:.0} %", 100.0 * with / without);
}
