//! One run: creates the hosts, injects the planned faults, and waits until the cluster has recovered.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use chat_core::cluster::NodeId;
use turmoil::{Builder, Sim};

use crate::checks::Checks;
use crate::client::{self, Memory};
use crate::database::{Database, N_USERS, SharedDatabase};
use crate::faults::Faults;
use crate::node::{self, N_NODES, Seen};
use crate::trace::{Rng, Trace};
use crate::{broker, store};

/// Number of hosts that the clients are spread over.
pub(crate) const CLIENT_HOSTS: u64 = 4;
const TICK: Duration = Duration::from_millis(20);
const LATENCY: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(40));
/// Time to recover after the last fault has ended. A node that crashed counts as gone after 10 s.
const RECOVERS_WITHIN: Duration = Duration::from_secs(15);
/// How often recovery is checked, in ticks.
const LOOK: u32 = 10;

/// The result of a run.
pub(crate) struct Run {
    pub(crate) verdict: Result<(), String>,
    pub(crate) hash: u64,
    pub(crate) trace: Vec<String>,
}

pub(crate) fn run(seed: u64, in_words: bool) -> Run {
    let trace = Trace::new(in_words);
    let mut rng = Rng::new(seed, 0);
    let database = Database::new();
    let mut sim = Builder::new()
        .rng_seed(seed)
        .tick_duration(TICK)
        .min_message_latency(LATENCY.0)
        .max_message_latency(LATENCY.1)
        .simulation_duration(Duration::from_secs(3600))
        .tcp_capacity(4096)
        .build();
    let checks = add_hosts(&mut sim, seed, &database, &trace);
    let loses = if rng.percent(30) { 30 } else { 0 };
    let bus_rng = Rng::new(seed, 1);
    sim.host(broker::HOST, move || broker::run(bus_rng.clone(), loses));
    let mut faults = Faults::draw(&mut rng);
    let verdict = drive(&mut sim, &mut faults, &checks, &trace);
    Run { verdict, hash: trace.hash(), trace: trace.lines() }
}

fn add_hosts(sim: &mut Sim<'_>, seed: u64, database: &SharedDatabase, trace: &Trace) -> Checks {
    let shared = database.clone();
    sim.host(store::HOST, move || store::run(shared.clone()));
    let mut nodes = Vec::new();
    for number in 0..N_NODES {
        let seen: Rc<RefCell<Seen>> = Rc::default();
        nodes.push(seen.clone());
        let (database, trace, starts) = (database.clone(), trace.clone(), Rc::new(RefCell::new(0)));
        sim.host(node::host(number), move || {
            *starts.borrow_mut() += 1;
            *seen.borrow_mut() = Seen { lag: 1, ..Seen::default() };
            let id = NodeId(*starts.borrow() * 10 + number);
            node::run(id, database.clone(), trace.clone(), seen.clone())
        });
    }
    let clients: Vec<_> = (0..N_USERS).map(|_| Rc::new(RefCell::new(Memory::default()))).collect();
    for host in 0..CLIENT_HOSTS {
        let (memories, trace) = (clients.clone(), trace.clone());
        sim.host(format!("clients{host}"), move || {
            let of_host = (0_u64..).zip(memories.clone()).filter(|(user, _)| user % CLIENT_HOSTS == host);
            for (user, memory) in of_host.collect::<Vec<_>>() {
                let rng = Rng::new(seed, 100 + user);
                let user = i64::try_from(user).unwrap();
                tokio::task::spawn_local(client::run(user, rng, memory, trace.clone()));
            }
            std::future::pending()
        });
    }
    Checks { database: database.clone(), clients, nodes }
}

fn drive(sim: &mut Sim<'_>, faults: &mut Faults, checks: &Checks, trace: &Trace) -> Result<(), String> {
    let over_at = faults.over_at();
    for tick in 0_u32.. {
        faults.apply(sim, &checks.database, trace);
        sim.step().map_err(|error| error.to_string())?;
        if tick % LOOK != 0 {
            continue;
        }
        checks.order()?;
        if sim.elapsed() > over_at && checks.is_settled() {
            return checks.promises();
        }
        if sim.elapsed() > over_at + RECOVERS_WITHIN {
            let verdict = checks.promises();
            return Err(format!("not recovered {RECOVERS_WITHIN:?} after the last fault: {verdict:?}"));
        }
    }
    Ok(())
}
