//! The same tests on a cluster: with `CHATSERVER_TEST_ENGINE=cluster` each server is two nodes on a PostgreSQL database
//! of its own, connected by NATS, behind one address.

use chat_engines::{Database, shared};

/// Enough to have clients of one conversation on different nodes.
pub const NODES: usize = 2;

/// Whether the tests run on a cluster.
pub fn is_wanted() -> bool {
    match std::env::var("CHATSERVER_TEST_ENGINE").as_deref() {
        Ok("cluster") => true,
        Err(_) | Ok("" | "sqlite") => false,
        Ok(other) => panic!("CHATSERVER_TEST_ENGINE is {other}; it may be sqlite or cluster"),
    }
}

/// Settings that the nodes of one server share.
pub struct Cluster {
    database: Database,
    nats: String,
}

impl Cluster {
    /// Makes one with an empty database.
    pub fn new() -> Self {
        let database = shared().database().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"));
        let nats = shared().nats_url().unwrap_or_else(|error| panic!("no NATS: {error:#}"));
        Self { database, nats }
    }

    /// Returns the settings of each node.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        [
            ("DATABASE_URL", self.database.url()),
            ("NATS_URL", self.nats.clone()),
            // Other tests use the same NATS.
            ("NATS_PREFIX", self.database.name().to_owned()),
            ("JWT_SECRET", self.secret()),
        ]
    }

    /// Returns the key that signs tokens, which a node must not make for itself.
    pub fn secret(&self) -> String {
        format!("the-key-of-the-cluster-{}", self.database.name())
    }

    /// Runs statements in the database.
    pub fn execute(&self, statements: &str) {
        self.database.execute(statements).unwrap();
    }
}
