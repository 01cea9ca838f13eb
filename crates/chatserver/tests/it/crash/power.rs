//! Power cuts: the real server's writes are recorded call by call (`power/trace.rs`) and replayed into a disk that
//! forgets or tears what was not synced (`power/disk.rs`). A server that starts on the remains must have everything
//! that was announced to a client (README, promise 1).
//!
//! `POWER_CUTS=500` sets the number of cuts. The default is enough to notice a fault.

mod disk;
pub mod load;
mod trace;

use std::collections::BTreeSet;

use rusqlite::Connection;

use self::disk::{Dice, Disk};
use self::load::{Recording, record};
use self::trace::Step;
use crate::proof::from_environment;
use crate::support::Setup;

/// Power cuts in a run of all tests.
const CUTS: usize = 40;

/// Result of a series of power cuts.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub cuts: usize,
    /// Sum over all cuts of the messages that a client had received before.
    pub announced: usize,
    pub lost: usize,
    pub doubled: usize,
    pub gaps: usize,
    pub damaged: usize,
}

/// How often the answers waited for the disk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    pub announced: usize,
    /// Announced before an fdatasync that began after the write had ended.
    pub announced_too_early: usize,
    /// Syncs of the write-ahead log while messages were being sent.
    pub syncs: usize,
}

/// Cuts the power at this many random steps of a recording, each time on the disk as it was at that step.
pub fn cut(recording: &Recording, cuts: usize) -> Verdict {
    let first = recording.steps.iter().position(|step| matches!(step, Step::Announced(_))).unwrap();
    let step_of = |seed| match seed % 8 {
        // Nothing was announced yet: the database is being made.
        7 => Dice::new(seed).below(first),
        _ => first + Dice::new(seed).below(recording.steps.len() - first),
    };
    let mut cuts_at: Vec<_> = (0..cuts as u64).map(|seed| (step_of(seed), seed)).collect();
    cuts_at.sort_unstable();
    let (mut disk, mut announced, mut at) = (Disk::default(), BTreeSet::new(), 0);
    let mut verdict = Verdict { cuts, ..Verdict::default() };
    for (until, seed) in cuts_at {
        for step in &recording.steps[at..until] {
            disk.step(step);
            if let Step::Announced(keys) = step {
                announced.extend(keys.iter().cloned());
            }
        }
        at = until;
        verdict.announced += announced.len();
        judge(&disk.after_power_cut(seed), &announced, &mut verdict);
    }
    verdict
}

/// Starts the real server on the remains, kills it and checks the database.
fn judge(image: &disk::Image, announced: &BTreeSet<String>, verdict: &mut Verdict) {
    let setup = Setup::new();
    for (name, bytes) in image {
        std::fs::write(setup.path(name), bytes).unwrap();
    }
    setup.start().kill();
    let db = Connection::open(setup.database()).unwrap();
    let sound: String = db.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    verdict.damaged += usize::from(sound != "ok");
    let mut statement = db.prepare("SELECT content FROM messages").unwrap();
    let stored: Vec<String> =
        statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let distinct: BTreeSet<_> = stored.iter().cloned().collect();
    verdict.doubled += stored.len() - distinct.len();
    verdict.lost += announced.difference(&distinct).count();
    let gaps = "SELECT count(*) FROM conversations c
                WHERE last_seq <> (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id)";
    verdict.gaps += usize::try_from(db.query_row(gaps, (), |row| row.get::<_, i64>(0)).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_lose_nothing_that_was_announced() {
    let recording = record(&Setup::new()).await;
    assert_eq!(
        recording.replayed(),
        recording.left,
        "the replay without a cut gives the files of the server"
    );

    let syncs = recording.syncs();
    eprintln!("{syncs:?}");
    assert_eq!((syncs.announced, syncs.announced_too_early), (load::MESSAGES, 0));
    assert!(syncs.syncs * 4 <= syncs.announced, "one fdatasync serves many: {syncs:?}");

    let cuts = from_environment("POWER_CUTS", CUTS);
    let verdict = cut(&recording, cuts);
    eprintln!("{verdict:?}");
    assert_eq!(verdict, Verdict { cuts, announced: verdict.announced, ..Verdict::default() });
    assert!(verdict.announced > 0, "the cuts came before anything was announced");
}
