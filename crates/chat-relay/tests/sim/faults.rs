//! The faults of a seed: hosts crash and restart, links are cut or hold everything back for a while, the journal is
//! trimmed.

use std::time::Duration;

use turmoil::Sim;

use crate::database::SharedDatabase;
use crate::trace::{Rng, Trace};
use crate::world::CLIENT_HOSTS;
use crate::{broker, node, store};

/// Faults begin between these times, in milliseconds.
const FIRST: u64 = 200;
const LAST: u64 = 3000;

#[derive(Debug, Clone)]
enum Fault {
    Crash(String),
    Cut(String, String),
    CutOneWay(String, String),
    Hold(String, String),
    Trim,
}

/// When faults begin (`true`) and end, in order of time.
pub(crate) struct Faults(Vec<(Duration, Fault, bool)>);

impl Faults {
    /// Draws the faults of a run.
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let mut all = Vec::new();
        for _ in 0..rng.between(2, 7) {
            let fault = draw(rng);
            let from = rng.between(FIRST, LAST);
            let until = from + rng.between(50, 1800);
            all.push((Duration::from_millis(from), fault.clone(), true));
            all.push((Duration::from_millis(until), fault, false));
        }
        all.sort_by_key(|(at, _, _)| *at);
        Self(all)
    }

    /// When the last fault ends.
    pub(crate) fn over_at(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |(at, _, _)| *at)
    }

    /// Begins and ends the faults that are due.
    pub(crate) fn apply(&mut self, sim: &mut Sim<'_>, database: &SharedDatabase, trace: &Trace) {
        while self.0.first().is_some_and(|(at, _, _)| *at <= sim.elapsed()) {
            let (at, fault, begins) = self.0.remove(0);
            trace.note(format_args!("at {at:?} {fault:?} begins: {begins}"));
            match (&fault, begins) {
                (Fault::Crash(host), true) => sim.crash(host.as_str()),
                (Fault::Crash(host), false) => sim.bounce(host.as_str()),
                (Fault::Cut(one, other), true) => sim.partition(one.as_str(), other.as_str()),
                (Fault::CutOneWay(one, other), true) => sim.partition_oneway(one.as_str(), other.as_str()),
                (Fault::Cut(one, other) | Fault::CutOneWay(one, other), false) => {
                    sim.repair(one.as_str(), other.as_str());
                }
                (Fault::Hold(one, other), true) => sim.hold(one.as_str(), other.as_str()),
                (Fault::Hold(one, other), false) => sim.release(one.as_str(), other.as_str()),
                (Fault::Trim, _) => {
                    let mut db = database.borrow_mut();
                    db.kept_after = db.end();
                }
            }
        }
    }
}

fn draw(rng: &mut Rng) -> Fault {
    let node = node::host(rng.below(node::N_NODES));
    let clients = format!("clients{}", rng.below(CLIENT_HOSTS));
    let far = [broker::HOST.to_owned(), broker::HOST.to_owned(), store::HOST.to_owned(), clients];
    let far = rng.one_of(&far).clone();
    match rng.below(8) {
        0 => Fault::Crash(node),
        1 => Fault::Crash(rng.one_of(&[broker::HOST, store::HOST]).to_string()),
        2 | 3 => Fault::Cut(node, far),
        4 => Fault::CutOneWay(node, far),
        5 | 6 => Fault::Hold(node, far),
        _ => Fault::Trim,
    }
}
