//! Power cuts: what the real server writes to its disk is recorded call by call (`power/trace.rs`) and replayed into a
//! disk that forgets or tears what was not synced (`power/disk.rs`). A server that starts on what is left must have
//! everything of which a client had been told (README, promise 1).
//!
//! `POWER_CUTS=500` cuts the power so often; without it, often enough to notice.

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

/// Cuts in a run of all tests.
const CUTS: usize = 40;

/// What so many power cuts have come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub cuts: usize,
    /// Of all cuts together: what a client had been told of before.
    pub told: usize,
    pub lost: usize,
    pub doubled: usize,
    pub gaps: usize,
    pub damaged: usize,
}

/// How often the answers waited for the disk.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Syncs {
    pub told: usize,
    /// Told before an fdatasync that began after the write had ended.
    pub told_too_early: usize,
    /// Of the write-ahead log, while messages were being sent.
    pub syncs: usize,
}

/// Cuts the power at so many random places of a recording, each time on the disk as the recording left it there.
pub fn cut(recording: &Recording, cuts: usize) -> Verdict {
    let first = recording.steps.iter().position(|step| matches!(step, Step::Told(_))).unwrap();
    let place = |seed| match seed % 8 {
        // Nothing was told yet: the database is in the making.
        7 => Dice::new(seed).below(first),
        _ => first + Dice::new(seed).below(recording.steps.len() - first),
    };
    let mut places: Vec<_> = (0..cuts as u64).map(|seed| (place(seed), seed)).collect();
    places.sort_unstable();
    let (mut disk, mut told, mut at) = (Disk::default(), BTreeSet::new(), 0);
    let mut verdict = Verdict { cuts, ..Verdict::default() };
    for (place, seed) in places {
        for step in &recording.steps[at..place] {
            disk.step(step);
            if let Step::Told(keys) = step {
                told.extend(keys.iter().cloned());
            }
        }
        at = place;
        verdict.told += told.len();
        judge(&disk.after_power_cut(seed), &told, &mut verdict);
    }
    verdict
}

/// Starts the real server on what is left, ends it as roughly, and looks into the database.
fn judge(image: &disk::Image, told: &BTreeSet<String>, verdict: &mut Verdict) {
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
    verdict.lost += told.difference(&distinct).count();
    let gaps = "SELECT count(*) FROM conversations c
                WHERE last_seq <> (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id)";
    verdict.gaps += usize::try_from(db.query_row(gaps, (), |row| row.get::<_, i64>(0)).unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_lose_nothing_that_was_told() {
    let recording = record(&Setup::new()).await;
    assert_eq!(
        recording.replayed(),
        recording.left,
        "the replay without a cut gives the files of the server"
    );

    let syncs = recording.syncs();
    eprintln!("{syncs:?}");
    assert_eq!((syncs.told, syncs.told_too_early), (load::MESSAGES, 0));
    assert!(syncs.syncs * 4 <= syncs.told, "one fdatasync serves many: {syncs:?}");

    let cuts = from_environment("POWER_CUTS", CUTS);
    let verdict = cut(&recording, cuts);
    eprintln!("{verdict:?}");
    assert_eq!(verdict, Verdict { cuts, told: verdict.told, ..Verdict::default() });
    assert!(verdict.told > 0, "the cuts came before anything was told");
}
