//! The servers of one database, and how properties are checked on them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::event::Event;
use chat_core::ids::UserId;
use chat_core::ports::Store;
use tokio::runtime::{Builder, Runtime};

use super::rows;
use super::test_store::{Stores, TestStore};

/// The servers of one database, each of which is asked in turn; one, where nothing else is asked for.
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
    /// The node whose turn it is.
    pub fn node(&self) -> &TestStore {
        &self.nodes[self.turns.fetch_add(1, Ordering::Relaxed) % self.nodes.len()]
    }

    /// The store of the node whose turn it is.
    pub fn store(&self) -> &dyn Store {
        &*self.node().store
    }

    /// New accounts with names of this kind, whatever others there are.
    pub async fn newcomers<const N: usize>(&self, names: [&str; N]) -> [UserId; N] {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        let names = names.map(|name| format!("{name}{turn}"));
        self.node().users(names.each_ref().map(String::as_str)).await
    }

    pub fn n_events(&self) -> usize {
        self.nodes.iter().map(|node| node.sink.n_events()).sum()
    }

    /// What all of them have published, in the order of the log.
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

    /// Checks that the events of all are the whole log, each published by one, and that the rows agree with them.
    pub async fn check(&self) {
        rows::check_events(self.node(), &self.events()).await;
    }
}

/// Runs one case of a property after the other on the same servers, since new ones are expensive. Servers on which a case
/// failed are not used again, so that what they have in them does not fail the smaller cases that are tried then.
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

/// One server.
pub async fn one_node(stores: &dyn Stores) -> Cluster {
    vec![stores.fresh().await].into()
}

/// For tests that call the store from code that is not async. A store may need timers and sockets.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}
