//! The rules of the feed, and the operations on readers, on rows in memory.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ids::UserId;
use crate::sync::Epoch;

fn at(epoch: u32, position: i64) -> Cursor {
    Cursor { epoch: Epoch(epoch), position: Position(position) }
}

fn entry(position: i64) -> Entry {
    Entry {
        position: Position(position),
        at: Timestamp(position * 1_000_000),
        kind: Kind::MessageCreated.as_str().into(),
        conversation: None,
        message: None,
        user: Some(UserId(1)),
        actor: None,
    }
}

fn name(text: &str) -> ReaderName {
    ReaderName::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

/// A log in memory; `epoch`, `end` and `from` are its row.
#[derive(Default)]
struct Memory {
    epoch: Cell<u32>,
    end: Cell<i64>,
    from: Cell<i64>,
    entries: RefCell<BTreeMap<i64, Entry>>,
    readers: RefCell<BTreeMap<ReaderName, Reader>>,
    /// Number of queries.
    n_asked: Cell<usize>,
}

impl Memory {
    /// Commits a change, as a store does.
    fn commit(&self) {
        self.end.set(self.end.get() + 1);
        if !self.readers.borrow().is_empty() {
            self.entries.borrow_mut().insert(self.end.get(), entry(self.end.get()));
        }
    }

    fn log_end(&self) -> Cursor {
        at(self.epoch.get(), self.end.get())
    }

    fn is_asked(&self) {
        self.n_asked.set(self.n_asked.get() + 1);
    }
}

impl FeedRows for Memory {
    type Fault = Error;

    fn feed(&self) -> Result<Feed> {
        self.is_asked();
        Ok(Feed { end: self.log_end(), kept_from: Position(self.from.get()) })
    }

    fn readers(&self) -> Result<Vec<Reader>> {
        self.is_asked();
        Ok(self.readers.borrow().values().cloned().collect())
    }

    fn entries(&self, after: Position, limit: u16) -> Result<Vec<Entry>> {
        self.is_asked();
        let entries = self.entries.borrow();
        Ok(entries.range(after.0 + 1..).take(limit.into()).map(|(_, entry)| entry.clone()).collect())
    }

    fn next_times(&self, after: &[Position]) -> Result<Vec<Option<Timestamp>>> {
        self.is_asked();
        let entries = self.entries.borrow();
        let next = |position: &Position| entries.range(position.0 + 1..).next().map(|(_, entry)| entry.at);
        Ok(after.iter().map(next).collect())
    }

    fn oldest(&self, limit: u16) -> Result<Vec<(Position, Timestamp)>> {
        self.is_asked();
        let entries = self.entries.borrow();
        Ok(entries.values().take(limit.into()).map(|entry| (entry.position, entry.at)).collect())
    }
}

impl FeedTables for Memory {
    fn begin(&self, at: Position) -> Result<()> {
        self.from.set(at.0);
        Ok(())
    }

    fn put(&self, reader: &Reader) -> Result<()> {
        self.readers.borrow_mut().insert(reader.name.clone(), reader.clone());
        Ok(())
    }

    fn remove_reader(&self, name: &ReaderName) -> Result<()> {
        self.readers.borrow_mut().remove(name);
        Ok(())
    }

    fn forget(&self, up_to: Position) -> Result<()> {
        self.entries.borrow_mut().retain(|position, _| *position > up_to.0);
        self.from.set(self.from.get().max(up_to.0));
        Ok(())
    }
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    match result {
        Ok(value) => panic!("{value:?} instead of a refusal"),
        Err(error) => error.code(),
    }
}

fn positions(page: Page) -> (Vec<i64>, Cursor, bool) {
    match page {
        Page::Entries { entries, up_to, is_complete } => {
            (entries.iter().map(|entry| entry.position.0).collect(), up_to, is_complete)
        }
        Page::Reload(reload) => panic!("{reload:?}"),
    }
}

fn read(log: &Memory, reader: &str, limit: u16) -> Page {
    page(log, &name(reader), limit).unwrap_or_else(|error| panic!("{error}"))
}

const DAY: Keep = Keep { age: Duration::from_secs(24 * 3600), entries: 1_000_000 };

#[test]
fn names_are_plain_and_short() {
    for good in ["a", "web-hooks_2.x", &"x".repeat(64)] {
        assert_eq!(name(good).as_str(), good);
    }
    for bad in ["", " ", "a b", "ä", "a/b", "a\n", &"x".repeat(65)] {
        assert_eq!(code(ReaderName::parse(bad)), "invalid_request", "{bad:?}");
    }
}

#[test]
fn no_two_kinds_have_the_same_name() {
    let words: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), Kind::ALL.len());
}

#[test]
fn a_reader_continues_after_what_it_has_acknowledged() -> Result<()> {
    let log = Memory::default();
    log.commit();
    let reader = add(&log, name("a"), Start::Oldest, Timestamp(0))?;
    assert_eq!(reader.at, at(0, 1), "nothing was kept before the first reader");
    (0..3).for_each(|_| log.commit());
    assert_eq!(positions(read(&log, "a", 2)), (vec![2, 3], at(0, 3), false));
    assert_eq!(positions(read(&log, "a", 9)), (vec![2, 3, 4], at(0, 4), true), "reading moves nothing");
    assert_eq!(acknowledge(&log, &name("a"), at(0, 3))?.at, at(0, 3));
    assert_eq!(acknowledge(&log, &name("a"), at(0, 2))?.at, at(0, 3), "never back");
    assert_eq!(positions(read(&log, "a", 9)), (vec![4], at(0, 4), true));
    assert_eq!(code(acknowledge(&log, &name("a"), at(0, 5))), "beyond_the_end");
    assert_eq!(code(acknowledge(&log, &name("a"), at(1, 4))), "other_log");
    acknowledge(&log, &name("a"), at(0, 4))?;
    assert_eq!(positions(read(&log, "a", 9)), (Vec::new(), at(0, 4), true));
    Ok(())
}

#[test]
fn readers_are_few_and_have_names_of_their_own() -> Result<()> {
    let log = Memory::default();
    for number in 0..MAX_READERS {
        add(&log, name(&format!("r{number}")), Start::End, Timestamp(0))?;
    }
    assert_eq!(code(add(&log, name("r0"), Start::End, Timestamp(0))), "reader_exists");
    assert_eq!(code(add(&log, name("more"), Start::End, Timestamp(0))), "too_many_readers");
    remove(&log, &name("r0"))?;
    assert_eq!(code(remove(&log, &name("r0"))), "unknown_reader");
    assert_eq!(code(page(&log, &name("r0"), 1)), "unknown_reader");
    assert_eq!(code(acknowledge(&log, &name("r0"), at(0, 0))), "unknown_reader");
    add(&log, name("more"), Start::End, Timestamp(0)).map(drop)
}

#[test]
fn the_progress_of_all_readers_is_queried_at_once() -> Result<()> {
    let log = Memory::default();
    for number in 0..5 {
        add(&log, name(&format!("r{number}")), Start::End, Timestamp(0))?;
        log.commit();
    }
    acknowledge(&log, &name("r0"), at(0, 5))?;
    log.n_asked.set(0);
    let found: Vec<_> = list(&log)?.iter().map(|it| (it.lag, it.oldest_at)).collect();
    let oldest = |position: i64| Some(Timestamp(position * 1_000_000));
    assert_eq!(found, [(0, None), (4, oldest(2)), (3, oldest(3)), (2, oldest(4)), (1, oldest(5))]);
    assert_eq!(log.n_asked.get(), 3, "the readers, the feed, and the times");
    Ok(())
}

#[test]
fn a_reader_in_another_log_continues_at_its_end() -> Result<()> {
    let log = Memory::default();
    add(&log, name("a"), Start::End, Timestamp(0))?;
    (0..4).for_each(|_| log.commit());
    acknowledge(&log, &name("a"), at(0, 1))?;
    log.epoch.set(7);
    let reload = Reload { why: Why::OtherLog, from: at(7, 4) };
    assert_eq!(read(&log, "a", 9), Page::Reload(reload));
    assert_eq!(code(acknowledge(&log, &name("a"), at(0, 4))), "other_log");
    let [progress] = list(&log)?.try_into().unwrap_or_else(|_| panic!("one reader"));
    assert_eq!((progress.lag, progress.oldest_at, progress.reload), (0, None, Some(reload)));
    assert_eq!(acknowledge(&log, &name("a"), reload.from)?.at, at(7, 4));
    log.commit();
    assert_eq!(positions(read(&log, "a", 9)), (vec![5], at(7, 5), true));
    Ok(())
}

#[test]
fn a_cursor_beyond_the_end_belongs_to_another_log() -> Result<()> {
    let log = Memory::default();
    (0..9).for_each(|_| log.commit());
    add(&log, name("a"), Start::End, Timestamp(0))?;
    log.end.set(5);
    assert_eq!(read(&log, "a", 9), Page::Reload(Reload { why: Why::OtherLog, from: at(0, 5) }));
    Ok(())
}

#[test]
fn missing_entries_are_never_skipped_unnoticed() -> Result<()> {
    let log = Memory::default();
    add(&log, name("a"), Start::End, Timestamp(0))?;
    (0..6).for_each(|_| log.commit());
    log.entries.borrow_mut().remove(&3);
    assert_eq!(positions(read(&log, "a", 9)), (vec![1, 2], at(0, 2), false));
    acknowledge(&log, &name("a"), at(0, 2))?;
    assert_eq!(read(&log, "a", 9), Page::Reload(Reload { why: Why::TooOld, from: at(0, 3) }));
    log.entries.borrow_mut().clear();
    assert_eq!(read(&log, "a", 9), Page::Reload(Reload { why: Why::TooOld, from: at(0, 6) }));
    Ok(())
}

#[test]
fn entries_beyond_the_bounds_are_deleted_from_the_oldest_on() -> Result<()> {
    let log = Memory::default();
    add(&log, name("a"), Start::End, Timestamp(0))?;
    (0..10).for_each(|_| log.commit());
    let seconds = |age, now: i64| (Keep { age: Duration::from_secs(age), ..DAY }, Timestamp(now * 1_000_000));
    let (keep, now) = seconds(5, 8);
    prune(&log, keep, now)?;
    assert_eq!(read(&log, "a", 9), Page::Reload(Reload { why: Why::TooOld, from: at(0, 2) }));
    let [progress] = list(&log)?.try_into().unwrap_or_else(|_| panic!("one reader"));
    assert_eq!((progress.lag, progress.oldest_at), (8, Some(Timestamp(3_000_000))));
    assert_eq!(add(&log, name("b"), Start::Oldest, now)?.at, at(0, 2));
    prune(&log, Keep { entries: 3, ..DAY }, now)?;
    assert_eq!(read(&log, "b", 9), Page::Reload(Reload { why: Why::TooOld, from: at(0, 7) }));
    acknowledge(&log, &name("b"), at(0, 7))?;
    assert_eq!(positions(read(&log, "b", 9)).0, [8, 9, 10]);
    assert_eq!(prune(&log, Keep { entries: 3, ..DAY }, now)?, Pruned { has_more: false });
    Ok(())
}

#[test]
fn an_entry_after_one_that_is_kept_stays_even_if_its_time_is_older() -> Result<()> {
    let log = Memory::default();
    add(&log, name("a"), Start::End, Timestamp(0))?;
    (0..3).for_each(|_| log.commit());
    // The clock was set back after the first.
    if let Some(first) = log.entries.borrow_mut().get_mut(&1) {
        first.at = Timestamp(90_000_000);
    }
    let keep = Keep { age: Duration::from_secs(10), ..DAY };
    prune(&log, keep, Timestamp(50_000_000))?;
    assert_eq!(positions(read(&log, "a", 9)).0, [1, 2, 3]);
    Ok(())
}

#[test]
fn after_the_last_reader_everything_is_deleted_in_batches() -> Result<()> {
    let log = Memory::default();
    add(&log, name("a"), Start::End, Timestamp(0))?;
    (0..i64::from(PRUNE_BATCH) + 5).for_each(|_| log.commit());
    assert!(!has_expired(&log, DAY, Timestamp(0))?);
    remove(&log, &name("a"))?;
    assert_eq!(prune(&log, DAY, Timestamp(0))?, Pruned { has_more: true });
    assert_eq!(log.entries.borrow().len(), 5);
    // A reader that is added meanwhile gets none of them, and they are deleted all the same.
    log.commit();
    let reader = add(&log, name("b"), Start::Oldest, Timestamp(0))?;
    assert_eq!(reader.at, log.log_end());
    assert_eq!(prune(&log, DAY, Timestamp(0))?, Pruned { has_more: false });
    assert!(log.entries.borrow().is_empty());
    log.commit();
    assert_eq!(positions(read(&log, "b", 9)).0, [reader.at.position.0 + 1]);
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Commit,
    Add(usize, bool),
    Remove(usize),
    /// Reads at most the first number of entries, and acknowledges the second number of them.
    Read(usize, u16, usize),
    Prune(u64),
    Epoch,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3_usize;
    prop_oneof![
        8 => Just(Step::Commit),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, oldest)| Step::Add(who, oldest)),
        1 => who.clone().prop_map(Step::Remove),
        6 => (who, 1..5_u16, 0..6_usize).prop_map(|(who, limit, n)| Step::Read(who, limit, n)),
        1 => (0..6_u64).prop_map(Step::Prune),
        1 => Just(Step::Epoch),
    ]
}

proptest! {
    /// Whatever happens, each reader gets every change after its cursor once and in order, or learns that it has to
    /// reload.
    #[test]
    fn nothing_is_skipped_or_repeated(steps in prop::collection::vec(step(), 1..120)) {
        let log = Memory::default();
        // By reader: the next change that it has to get.
        let mut next: BTreeMap<usize, Cursor> = BTreeMap::new();
        let called = |who: usize| name(&format!("r{who}"));
        for step in steps {
            match step {
                Step::Commit => log.commit(),
                Step::Epoch => log.epoch.set(log.epoch.get() + 1),
                Step::Prune(entries) => drop(prune(&log, Keep { entries, ..DAY }, Timestamp(0))),
                Step::Remove(who) => {
                    prop_assert_eq!(remove(&log, &called(who)).is_ok(), next.remove(&who).is_some());
                }
                Step::Add(who, oldest) => {
                    let start = if oldest { Start::Oldest } else { Start::End };
                    let added = add(&log, called(who), start, Timestamp(0));
                    prop_assert_eq!(added.is_ok(), !next.contains_key(&who));
                    if let Ok(reader) = added {
                        next.insert(who, reader.at);
                    }
                }
                Step::Read(who, limit, n) => {
                    let Some(cursor) = next.get_mut(&who) else { continue };
                    match page(&log, &called(who), limit) {
                        Ok(Page::Reload(reload)) => {
                            let is_of_another = cursor.epoch.0 != log.epoch.get();
                            prop_assert_eq!(reload.why == Why::OtherLog, is_of_another);
                            prop_assert!(is_of_another || reload.from.position > cursor.position);
                            *cursor = reload.from;
                        }
                        Ok(Page::Entries { entries, up_to, is_complete }) => {
                            let found: Vec<_> = entries.iter().map(|entry| entry.position.0).collect();
                            let first = cursor.position.0 + 1;
                            let wanted: Vec<_> = (first..=log.end.get()).take(limit.into()).collect();
                            prop_assert_eq!(&found, &wanted);
                            prop_assert_eq!(is_complete, up_to.position.0 == log.end.get());
                            let taken = found.get(..n.min(found.len())).unwrap_or_default();
                            cursor.position.0 += i64::try_from(taken.len()).unwrap_or(0);
                        }
                        Err(error) => panic!("{error}"),
                    }
                    let acknowledged = acknowledge(&log, &called(who), *cursor);
                    prop_assert!(matches!(acknowledged, Ok(reader) if reader.at == *cursor));
                }
            }
        }
    }
}
