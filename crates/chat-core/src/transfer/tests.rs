//! Transfers between stores in memory, with any content of the target and any interruption.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Rows = BTreeMap<Vec<Value>, Row>;

/// Number of calls until one fails; shared by both stores of a transfer.
#[derive(Clone)]
struct Calls(Rc<Cell<u64>>);

impl Calls {
    fn until_failure(calls: u64) -> Self {
        Self(Rc::new(Cell::new(calls)))
    }

    fn endless() -> Self {
        Self::until_failure(u64::MAX)
    }

    fn pass(&self) -> Result<(), Failure> {
        self.0.set(self.0.get().checked_sub(1).ok_or("interrupted")?);
        Ok(())
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Memory {
    tables: BTreeMap<&'static str, Rows>,
    end: Option<End>,
}

impl Memory {
    /// Makes rows from numbers: table, key, and the remaining content.
    fn of(seeds: &[(usize, i64, i64)]) -> Self {
        let mut memory = Self::default();
        for (table, key, rest) in seeds {
            memory.put(&TABLES[table % TABLES.len()], row(table % TABLES.len(), *key, *rest));
        }
        memory
    }

    fn put(&mut self, table: &'static Table, row: Row) {
        self.tables.entry(table.name).or_default().insert(table.key_of(&row).to_vec(), row);
    }

    fn between(&self, table: &Table, range: Range<'_>) -> Vec<Row> {
        let Some(rows) = self.tables.get(table.name) else { return Vec::new() };
        let after = range.after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.to_vec()));
        let upto = range.upto.map_or(Bound::Unbounded, |key| Bound::Included(key.to_vec()));
        rows.range((after, upto)).map(|(_, row)| row.clone()).collect()
    }

    /// All rows; empty tables do not count.
    fn rows(&self) -> Vec<(&str, &Row)> {
        self.tables.iter().flat_map(|(name, rows)| rows.values().map(|row| (*name, row))).collect()
    }
}

fn row(table: usize, key: i64, rest: i64) -> Row {
    let value = |(index, column): (usize, &Column)| {
        let number = if index < TABLES[table].n_keys { key } else { rest };
        match column.kind {
            _ if column.is_optional && number % 3 == 0 => Value::Null,
            Kind::Flag => Value::Flag(number % 2 == 0),
            Kind::Integer => Value::Integer(number),
            Kind::Text => Value::Text(format!("{number}")),
            Kind::Bytes => Value::Bytes(number.to_be_bytes().into()),
        }
    };
    TABLES[table].columns.iter().enumerate().map(value).collect()
}

struct TestSource<'a> {
    memory: &'a Memory,
    step: usize,
    is_final: bool,
    calls: Calls,
}

impl Source for TestSource<'_> {
    fn is_final(&self) -> bool {
        self.is_final
    }

    fn count(&mut self, table: &'static Table) -> Result<u64, Failure> {
        self.calls.pass()?;
        Ok(self.memory.tables.get(table.name).map_or(0, |rows| rows.len() as u64))
    }

    fn next(
        &mut self,
        table: &'static Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Batch, Failure> {
        self.calls.pass()?;
        let mut rows = self.memory.between(table, Range { after, upto: None });
        rows.truncate(limit.min(self.step));
        Ok(Batch { rows, ..Batch::default() })
    }

    fn end(&mut self) -> Result<End, Failure> {
        self.calls.pass()?;
        Ok(END)
    }
}

const END: End = End {
    epoch: Epoch(7),
    position: Position(9),
    feed_from: Position(8),
    messages: 5,
    users: 4,
    conversations: 3,
    groups: 2,
};

struct TestTarget<'a> {
    memory: &'a mut Memory,
    n_writes: u64,
    calls: Calls,
    /// Whether a write that fails is made all the same, as when only the answer is lost.
    loses_answers: bool,
    /// Whether it discards what it is given.
    is_broken: bool,
}

impl Target for TestTarget<'_> {
    fn digest(&mut self, table: &'static Table, range: Range<'_>) -> Result<Digest, Failure> {
        self.calls.pass()?;
        Ok(Digest::of(&self.memory.between(table, range)))
    }

    fn replace(&mut self, table: &'static Table, range: Range<'_>, rows: &[Row]) -> Result<(), Failure> {
        let answer = self.calls.pass();
        if self.is_broken || (answer.is_err() && !self.loses_answers) {
            return answer;
        }
        self.n_writes += 1;
        for row in self.memory.between(table, range) {
            self.memory.tables.entry(table.name).or_default().remove(table.key_of(&row));
        }
        rows.iter().for_each(|row| self.memory.put(table, row.clone()));
        answer
    }

    fn finish(&mut self, end: &End) -> Result<(), Failure> {
        self.calls.pass()?;
        self.memory.end = Some(end.clone());
        Ok(())
    }
}

fn run(
    (from, step, is_final): (&Memory, usize, bool),
    into: &mut Memory,
    (calls, loses_answers): (Calls, bool),
) -> (Result<Summary, TransferError>, u64) {
    let mut source = TestSource { memory: from, step, is_final, calls: calls.clone() };
    let mut target = TestTarget { memory: into, n_writes: 0, calls, loses_answers, is_broken: false };
    let result = transfer(&mut source, &mut target, &mut |_| {});
    (result, target.n_writes)
}

/// Few keys, so that ranges of source and target overlap in every way.
fn memories() -> impl Strategy<Value = Memory> {
    let seeds = vec((prop_oneof![Just(0), Just(9), 0..TABLES.len()], 0_i64..40, 0_i64..4), 0..80);
    seeds.prop_map(|seeds| Memory::of(&seeds))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_target_ends_equal_and_a_second_transfer_writes_nothing(
        from in memories(), mut into in memories(), step in 1_usize..9
    ) {
        let (summary, _) = run((&from, step, true), &mut into, (Calls::endless(), false));
        let summary = summary.unwrap();
        prop_assert_eq!(into.rows(), from.rows());
        prop_assert_eq!(into.end.as_ref(), Some(&END));
        prop_assert!(summary.is_finished);
        let rows: u64 = summary.tables.iter().map(|moved| moved.digest.rows).sum();
        prop_assert_eq!(rows, from.rows().len() as u64);
        // However the ranges are cut.
        let (again, n_writes) = run((&from, step + 1, true), &mut into, (Calls::endless(), false));
        let again = again.unwrap();
        prop_assert_eq!(n_writes, 0);
        prop_assert!(again.tables.iter().all(|moved| moved.copied == 0));
        for (one, two) in summary.tables.iter().zip(&again.tables) {
            prop_assert_eq!(one.digest, two.digest);
        }
    }

    #[test]
    fn an_interrupted_transfer_can_be_run_again(
        from in memories(), into in memories(), step in 1_usize..9, calls in 0_u64..150, loses_answers: bool
    ) {
        is_interrupted((&from, step), into, calls, loses_answers);
    }
}

/// Interrupts a transfer after `calls` calls, and runs it again; returns whether the interruption took place.
fn is_interrupted((from, step): (&Memory, usize), mut into: Memory, calls: u64, loses_answers: bool) -> bool {
    let (first, _) = run((from, step, true), &mut into, (Calls::until_failure(calls), loses_answers));
    assert_eq!(into.end.is_some(), first.is_ok(), "it may be served only when it is whole");
    let (second, _) = run((from, step, true), &mut into, (Calls::endless(), false));
    second.unwrap();
    assert_eq!(into.rows(), from.rows());
    first.is_err()
}

#[test]
fn a_transfer_can_be_interrupted_at_every_call() {
    let from = Memory::of(&(0..40).map(|n| (usize::from(n % 3 == 0), i64::from(n), 1)).collect::<Vec<_>>());
    let into = Memory::of(&(0..40).map(|n| (0, i64::from(n) * 2, 1 + i64::from(n % 2))).collect::<Vec<_>>());
    for loses_answers in [false, true] {
        let interruptions =
            (0..).find(|calls| !is_interrupted((&from, 4), into.clone(), *calls, loses_answers));
        assert!(interruptions > Some(100), "{interruptions:?}");
    }
}

#[test]
fn a_source_in_use_is_copied_but_the_target_is_not_finished() {
    let from = Memory::of(&[(0, 1, 1), (0, 2, 2), (9, 1, 1)]);
    let mut into = Memory::default();
    let (summary, _) = run((&from, 2, false), &mut into, (Calls::endless(), false));
    let summary = summary.unwrap();
    assert!(!summary.is_finished && into.end.is_none());
    assert_eq!(into.rows(), from.rows());
    assert_eq!(summary.tables.iter().map(|moved| moved.copied).sum::<u64>(), 3);
}

#[test]
fn a_target_that_loses_rows_is_not_finished() {
    let from = Memory::of(&[(0, 1, 1)]);
    let mut into = Memory::default();
    let mut source = TestSource { memory: &from, step: 2, is_final: true, calls: Calls::endless() };
    let calls = Calls::endless();
    let mut target =
        TestTarget { memory: &mut into, n_writes: 0, calls, loses_answers: false, is_broken: true };
    let result = transfer(&mut source, &mut target, &mut |_| {});
    assert!(matches!(result, Err(TransferError::Differs("users"))), "{result:?}");
    assert_eq!(into.end, None);
}

/// A source with a single batch.
struct Once(Option<Batch>);

impl Source for Once {
    fn is_final(&self) -> bool {
        false
    }

    fn count(&mut self, _: &'static Table) -> Result<u64, Failure> {
        Ok(1)
    }

    fn next(&mut self, _: &'static Table, _: Option<&[Value]>, _: usize) -> Result<Batch, Failure> {
        Ok(self.0.take().unwrap_or_default())
    }

    fn end(&mut self) -> Result<End, Failure> {
        Ok(END)
    }
}

#[test]
fn mended_texts_are_counted_but_in_keys_refused() {
    let rows = || vec![row(0, 1, 1)];
    let mut memory = Memory::default();
    let mut into = |batch| {
        let calls = Calls::endless();
        let memory = &mut memory;
        let mut target = TestTarget { memory, n_writes: 0, calls, loses_answers: false, is_broken: false };
        transfer(&mut Once(Some(batch)), &mut target, &mut |_| {})
    };
    let summary = into(Batch { rows: rows(), n_mended: 2, has_mended_key: false }).unwrap();
    assert_eq!(summary.mended, 2);
    let refused = into(Batch { rows: rows(), n_mended: 1, has_mended_key: true });
    assert!(matches!(refused, Err(TransferError::Key("users"))), "{refused:?}");
}

#[test]
fn progress_begins_and_ends_with_every_table() {
    let from = Memory::of(&[(0, 1, 1), (0, 2, 2), (0, 3, 3)]);
    let mut into = Memory::default();
    let mut source = TestSource { memory: &from, step: 2, is_final: true, calls: Calls::endless() };
    let calls = Calls::endless();
    let mut target =
        TestTarget { memory: &mut into, n_writes: 0, calls, loses_answers: false, is_broken: false };
    let mut reported = Vec::new();
    let mut watch = |progress: Progress| reported.push((progress.is_check, progress.table, progress.done));
    transfer(&mut source, &mut target, &mut watch).unwrap();
    for is_check in [false, true] {
        let of_users: Vec<_> = reported.iter().filter(|it| it.0 == is_check && it.1 == "users").collect();
        assert_eq!(of_users.iter().map(|it| it.2).collect::<Vec<_>>(), [0, 2, 3]);
        assert!(TABLES.iter().all(|table| reported.contains(&(is_check, table.name, 0))));
    }
}

#[test]
fn keys_can_be_sorted_by_every_store() {
    for table in &TABLES {
        assert!(!table.key().is_empty(), "{}", table.name);
        // Null has no defined place in every store's order, and booleans have different ones.
        assert!(table.key().iter().all(|it| !it.is_optional && it.kind != Kind::Flag), "{}", table.name);
    }
}
