//! A cluster whose engines the test may crash and pause, because no other test uses them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_engines::{Nats, Postgres};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::support::{Answer, Request, Server, Setup, User};

pub const DATABASE: &str = "chat";

/// The nodes, each a server of its own to the tests, and their engines.
pub struct Nodes {
    // Dropped before the engines.
    pub servers: Vec<Server>,
    pub nats: Nats,
    pub postgres: Arc<Postgres>,
}

impl Nodes {
    /// Starts this many nodes.
    pub fn start(count: usize) -> Self {
        Self::start_with(count, |setup| setup)
    }

    /// Starts this many nodes with further settings.
    pub fn start_with(count: usize, more: impl Fn(Setup) -> Setup) -> Self {
        let nats = Nats::start().unwrap_or_else(|error| panic!("no NATS: {error:#}"));
        Self::on(nats, count, more)
    }

    /// Starts this many nodes with this NATS.
    pub fn on(nats: Nats, count: usize, more: impl Fn(Setup) -> Setup) -> Self {
        let postgres = Postgres::start().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"));
        postgres.create_database(DATABASE).unwrap();
        let setup = || {
            let setup = Setup::new().on_one_node("each node is a server of its own here");
            let setup = setup.env("DATABASE_URL", &postgres.url(DATABASE)).env("NATS_URL", &nats.url());
            setup.env("NATS_PREFIX", "test").env("JWT_SECRET", "one key for all the nodes of this test")
        };
        let servers = (0..count).map(|_| more(setup()).start()).collect();
        Self { servers, nats, postgres: Arc::new(postgres) }
    }

    /// Returns PostgreSQL, to end and pause it.
    pub fn postgres(&mut self) -> &mut Postgres {
        Arc::get_mut(&mut self.postgres).expect("nobody else has it")
    }

    /// Locks a table against everybody for this long. Returns the thread that holds the lock.
    pub fn lock(&self, table: &str, time: Duration) -> std::thread::JoinHandle<()> {
        let postgres = self.postgres.clone();
        let seconds = time.as_secs_f64();
        let table = table.to_owned();
        let (held, is_held) = std::sync::mpsc::channel();
        let statements =
            format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT");
        let locks = format!(
            "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = '{table}'::regclass"
        );
        let holding = std::thread::spawn({
            let postgres = postgres.clone();
            move || drop(postgres.databases().execute(DATABASE, &statements).unwrap())
        });
        std::thread::spawn(move || {
            while postgres.databases().execute(DATABASE, &locks).unwrap() == "0" {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = held.send(());
        });
        is_held.recv_timeout(Duration::from_secs(20)).expect("the table is locked");
        holding
    }
}

/// Returns the same user at another node.
pub fn at(server: &Server, user: &User) -> User {
    User::with_token(server, user.id, &user.token)
}

/// Writes to another user under a key. The answer may be an error.
pub async fn post(from: &User, to: &User, key: &str) -> Answer {
    let body = json!({ "content": key, "client_msg_id": key });
    from.send(Request::post(&format!("/v1/messages/p2p/{}", to.id), &body)).await
}

/// Sends a signal to a node's process.
pub fn signal(server: &Server, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(server.id()).unwrap()).unwrap(), signal).unwrap();
}

/// Returns how long it takes until `/readyz` answers with this status. Fails after the limit.
pub async fn ready_becomes(server: &Server, status: u16, limit: Duration) -> Duration {
    let began = Instant::now();
    while server.get("/readyz").await.status != status {
        assert!(began.elapsed() < limit, "/readyz is not {status} within {limit:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    assert!(took < limit, "/readyz is {status} after {took:?} only");
    took
}
