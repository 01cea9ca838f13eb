//! What breaks when, by seed: hosts crash and come back, links are cut or hold everything back for a while, the journal
//! is trimmed.

use std::time::Duration;

use turmoil::Sim;

use crate::ledger::Ledger;
use crate::trace::{Chance, Trace};
use crate::world::CLIENT_HOSTS;
use crate::{broker, node, store};

/// Things break between these.
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

/// What is to happen, in order.
pub(crate) struct Faults(Vec<(Duration, Fault, bool)>);

impl Faults {
    /// Draws what is to happen.
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let mut all = Vec::new();
        for _ in 0..chance.between(2, 7) {
            let fault = draw(chance);
            let from = chance.between(FIRST, LAST);
            let until = from + chance.between(50, 1800);
            all.push((Duration::from_millis(from), fault.clone(), true));
            all.push((Duration::from_millis(until), fault, false));
        }
        all.sort_by_key(|(at, _, _)| *at);
        Self(all)
    }

    /// From here on nothing is broken any more.
    pub(crate) fn over_at(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |(at, _, _)| *at)
    }

    /// Does what is due.
    pub(crate) fn apply(&mut self, sim: &mut Sim<'_>, ledger: &Ledger, trace: &Trace) {
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
                    let mut book = ledger.borrow_mut();
                    book.kept_after = book.end();
                }
            }
        }
    }
}

fn draw(chance: &mut Chance) -> Fault {
    let node = node::host(chance.below(node::N_NODES));
    let clients = format!("clients{}", chance.below(CLIENT_HOSTS));
    let far = [broker::HOST.to_owned(), broker::HOST.to_owned(), store::HOST.to_owned(), clients];
    let far = chance.one_of(&far).clone();
    match chance.below(8) {
        0 => Fault::Crash(node),
        1 => Fault::Crash(chance.one_of(&[broker::HOST, store::HOST]).to_string()),
        2 | 3 => Fault::Cut(node, far),
        4 => Fault::CutOneWay(node, far),
        5 | 6 => Fault::Hold(node, far),
        _ => Fault::Trim,
    }
}
