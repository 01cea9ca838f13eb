//! One run: puts the hosts together, breaks them by plan, and waits until all is well again.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use chat_core::cluster::NodeId;
use turmoil::{Builder, Sim};

use crate::checks::Checks;
use crate::client::{self, Memory};
use crate::faults::Faults;
use crate::ledger::{Book, Ledger, N_USERS};
use crate::node::{self, N_NODES, Seen};
use crate::trace::{Chance, Trace};
use crate::{broker, store};

/// Clients share a few hosts, each with some.
pub(crate) const CLIENT_HOSTS: u64 = 4;
const TICK: Duration = Duration::from_millis(20);
const LATENCY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(40));
/// All is well again so soon after the last thing was mended. A node that crashed is taken for gone after 10 s.
const WELL_WITHIN: Duration = Duration::from_secs(15);
/// How often that is looked at, in ticks.
const LOOK: u32 = 10;

/// What came of a run.
pub(crate) struct Run {
    pub(crate) verdict: Result<(), String>,
    pub(crate) hash: u64,
    pub(crate) trace: Vec<String>,
}

pub(crate) fn run(seed: u64, in_words: bool) -> Run {
    let trace = Trace::new(in_words);
    let mut chance = Chance::new(seed, 0);
    let ledger = Book::new();
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .min_message_latency(LATENCY.0)
        .max_message_latency(LATENCY.1)
        .simulation_duration(Duration::from_secs(3600))
        .tcp_capacity(4096)
        .build();
    let checks = populate(&mut sim, seed, &ledger, &trace);
    let loses = if chance.percent(30) { 30 } else { 0 };
    let bus_chance = Chance::new(seed, 1);
    sim.host(broker::HOST, move || broker::run(bus_chance.clone(), loses));
    let mut faults = Faults::draw(&mut chance);
    let verdict = play(&mut sim, &mut faults, &checks, &trace);
    Run { verdict, hash: trace.hash(), trace: trace.lines() }
}

fn populate(sim: &mut Sim<'_>, seed: u64, ledger: &Ledger, trace: &Trace) -> Checks {
    let shared = ledger.clone();
    sim.host(store::HOST, move || store::run(shared.clone()));
    let mut nodes = Vec::new();
    for number in 0..N_NODES {
        let seen: Rc<RefCell<Seen>> = Rc::default();
        nodes.push(seen.clone());
        let (ledger, trace, starts) = (ledger.clone(), trace.clone(), Rc::new(RefCell::new(0)));
        sim.host(node::host(number), move || {
            *starts.borrow_mut() += 1;
            *seen.borrow_mut() = Seen { lag: 1, ..Seen::default() };
            let id = NodeId(*starts.borrow() * 10 + number);
            node::run(id, ledger.clone(), trace.clone(), seen.clone())
        });
    }
    let clients: Vec<_> = (0..N_USERS).map(|_| Rc::new(RefCell::new(Memory::default()))).collect();
    for host in 0..CLIENT_HOSTS {
        let (memories, trace) = (clients.clone(), trace.clone());
        sim.host(format!("clients{host}"), move || {
            let of_host = (0_u64..).zip(memories.clone()).filter(|(user, _)| user % CLIENT_HOSTS == host);
            for (user, memory) in of_host.collect::<Vec<_>>() {
                let chance = Chance::new(seed, 100 + user);
                let user = i64::try_from(user).unwrap();
                tokio::task::spawn_local(client::run(user, chance, memory, trace.clone()));
            }
            std::future::pending()
        });
    }
    Checks { ledger: ledger.clone(), clients, nodes }
}

fn play(sim: &mut Sim<'_>, faults: &mut Faults, checks: &Checks, trace: &Trace) -> Result<(), String> {
    let over_at = faults.over_at();
    for tick in 0_u32.. {
        faults.apply(sim, &checks.ledger, trace);
        sim.step().map_err(|error| error.to_string())?;
        if tick % LOOK != 0 {
            continue;
        }
        checks.order()?;
        if sim.elapsed() > over_at && checks.is_settled() {
            return checks.promises();
        }
        if sim.elapsed() > over_at + WELL_WITHIN {
            let verdict = checks.promises();
            return Err(format!("not well {WELL_WITHIN:?} after the last fault: {verdict:?}"));
        }
    }
    Ok(())
}
