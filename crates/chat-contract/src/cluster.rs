//! The servers of one database, and running properties on them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::event::Event;
use chat_core::ids::UserId;
use chat_core::ports::Store;
use tokio::runtime::{Builder, Runtime};

use super::rows;
use super::test_store::{Stores, TestStore};

/// The servers of one database, called in turn. Often there is only one.
pub struct Cluster {
    pub nodes: Vec<TestStore>,
    turns: AtomicUsize,
}

impl From<Vec<TestStore>> for Cluster {
    fn from(nodes: Vec<TestStore>) -> Self {
        Self { nodes, turns: AtomicUsize::default() }
    }
}

impl Cluster {
    /// The next server in turn.
    pub fn node(&self) -> &TestStore {
        &self.nodes[self.turns.fetch_add(1, Ordering::Relaxed) % self.nodes.len()]
    }

    /// The store of the next server in turn.
    pub fn store(&self) -> &dyn Store {
        &*self.node().store
    }

    /// Creates accounts with unique names that begin with these.
    pub async fn new_users<const N: usize>(&self, names: [&str; N]) -> [UserId; N] {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let names = names.map(|name| format!("{name}{turn}"));
        self.node().users(names.each_ref().map(String::as_str)).await
    }

    pub fn n_events(&self) -> usize {
        self.nodes.iter().map(|node| node.sink.n_events()).sum()
    }

    /// Everything that the servers have published, in log order.
    pub fn events(&self) -> Vec<Arc<Event>> {
        let mut all = Vec::new();
        for node in &self.nodes {
            let events = node.sink.events();
            assert!(events.is_sorted_by(|one, next| one.position < next.position), "{events:?}");
            all.extend(events);
        }
        all.sort_by_key(|event| event.position);
        all
    }

    /// Checks that the events of all servers form the whole log, that each was published once, and that the rows agree
    /// with them.
    pub async fn check(&self) {
        rows::check_events(self.node(), &self.events()).await;
    }
}

/// Runs the cases of a property one after another on the same servers, since new ones are expensive. After a failed
/// case, the servers are dropped, so that their contents do not make the smaller cases fail that are tried then.
pub struct Cases<F> {
    runtime: Runtime,
    kept: RefCell<Option<Cluster>>,
    new: F,
}

impl<F: AsyncFn() -> Cluster> Cases<F> {
    pub fn on(new: F) -> Self {
        Self { runtime: runtime(), kept: RefCell::default(), new }
    }

    pub fn run(&self, case: impl AsyncFnOnce(&Cluster)) {
        let kept = self.kept.take();
        let cluster = self.runtime.block_on(async {
            let cluster = match kept {
                Some(cluster) => cluster,
                None => (self.new)().await,
            };
            case(&cluster).await;
            cluster
        });
        self.kept.replace(Some(cluster));
    }
}

/// A cluster of one server.
pub async fn one_node(stores: &dyn Stores) -> Cluster {
    vec![stores.fresh().await].into()
}

/// For tests that call the store from code that is not async. A store may need timers and sockets.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
