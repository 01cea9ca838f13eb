//! The real binary as a child process, in a folder of its own, on a port that the system chooses. On a cluster it is
//! several processes behind one address, and operations on the server apply to each of them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chat_engines::Clock;
use serde_json::Value;
use tempfile::TempDir;

use super::cluster::{self, Cluster};
use super::node::{Node, START, ended};
use super::proxy::Proxy;
use super::{Answer, Request};

/// Variables that could change the server's behaviour from outside the test.
const SETTINGS: [&str; 30] = [
    "CHATSERVER_FAILPOINTS",
    "HOST",
    "PORT",
    "JWT_SECRET",
    "LIMIT_FACTOR",
    "JWT_EXPIRY_MINUTES",
    "DATABASE_PATH",
    "DATABASE_URL",
    "DATABASE_SCHEMA",
    "NATS_URL",
    "NATS_PREFIX",
    "NO_DEMO",
    "LOG_FILE",
    "LOG_LEVEL",
    "MAX_CONNECTIONS",
    "MAX_CONNECTIONS_PER_USER",
    "MAX_QUEUED_FRAMES",
    "MAX_QUEUED_BYTES",
    "METRICS_ADDRESS",
    "TLS_CERT",
    "TLS_KEY",
    "TRUSTED_PROXIES",
    "MAX_CONNECTIONS_PER_ADDRESS",
    "ANSWER_TIMEOUT",
    "HEARTBEAT",
    "COMPRESSION",
    "FEED_DAYS",
    "FEED_CHANGES",
    "PROXY_PROTOCOL",
    "TRUSTED_PROXIES_HEADER",
];

/// How to start a server. The folder outlives the server, so that the next one finds its files.
#[derive(Clone)]
pub struct Setup {
    folder: Arc<TempDir>,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    has_port: bool,
    inside: String,
    starter: Vec<String>,
    nodes: usize,
    cluster: Option<Arc<Cluster>>,
}

impl Setup {
    /// A server in a new folder.
    pub fn new() -> Self {
        let cluster = cluster::is_wanted().then(|| Arc::new(Cluster::new()));
        Self {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            args: Vec::new(),
            variables: Vec::new(),
            has_port: false,
            inside: String::new(),
            starter: Vec::new(),
            nodes: if cluster.is_some() { cluster::NODES } else { 1 },
            cluster,
        }
    }

    pub fn arg(mut self, arg: impl ToString) -> Self {
        self.args.push(arg.to_string());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// A server whose clock can be set.
    pub fn with_clock(mut self) -> (Self, Clock) {
        let clock = Clock::kept_in(self.folder.path()).unwrap_or_else(|error| panic!("no clock: {error:#}"));
        self.variables.extend(clock.settings().into_iter().map(|(name, value)| (name.to_owned(), value)));
        (self, clock)
    }

    /// A server of one process on a cluster too, and the reason.
    pub fn on_one_node(mut self, why: &str) -> Self {
        if self.nodes > 1 {
            eprintln!("on one node: {why}");
            self.nodes = 1;
        }
        self
    }

    /// A server that gets its port in another way than by the flag.
    pub fn without_port(mut self) -> Self {
        self.has_port = true;
        self
    }

    /// A server that works in a subfolder.
    pub fn inside(mut self, folder: &str) -> Self {
        self.inside = folder.into();
        self
    }

    /// A server that another program starts by replacing itself with it: the command and its first arguments.
    pub fn through(mut self, starter: &[&str]) -> Self {
        self.starter = starter.iter().map(ToString::to_string).collect();
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("chatserver.db")
    }

    /// Address of its database, if that is not a file.
    pub fn database_url(&self) -> Option<String> {
        let variables = self.cluster.as_ref()?.variables();
        variables.into_iter().find(|(name, _)| *name == "DATABASE_URL").map(|(_, url)| url)
    }

    /// The key that signs its tokens.
    pub fn secret(&self) -> String {
        match &self.cluster {
            Some(cluster) => cluster.secret(),
            None => std::fs::read_to_string(self.path("chatserver.db.jwt-secret")).unwrap().trim().to_owned(),
        }
    }

    /// Changes the database directly, where no request can. The server must not run.
    pub fn execute(&self, statements: &str) {
        match &self.cluster {
            Some(cluster) => cluster.execute(statements),
            None => rusqlite::Connection::open(self.database()).unwrap().execute_batch(statements).unwrap(),
        }
    }

    /// Folder of a node: the first one has that of a lone server, the others have subfolders.
    fn working_folder(&self, node: usize) -> PathBuf {
        let folder = self.path(&self.inside);
        if node == 0 { folder } else { folder.join(format!("node-{node}")) }
    }

    fn command(&self, node: usize) -> Command {
        let binary = env!("CARGO_BIN_EXE_chatserver").to_owned();
        let mut words = self.starter.iter().chain(std::iter::once(&binary));
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.working_folder(node)).args(&self.args);
        if !self.has_port {
            command.args(["--port", "0"]);
        }
        for name in SETTINGS {
            command.env_remove(name);
        }
        if let Some(cluster) = &self.cluster {
            command.envs(cluster.variables());
        }
        // All tests come from one address, and some are fast: the limits exist but are never reached.
        command.env("LIMIT_FACTOR", "1000");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Returns another command of the binary, in the server's folder and with its variables.
    pub fn tool(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
        command.args(args).current_dir(self.working_folder(0));
        for name in SETTINGS {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the server and waits until it is ready. Its nodes start at the same time, as in production.
    pub fn start(&self) -> Server {
        let nodes: Vec<_> = (0..self.nodes)
            .map(|node| {
                std::fs::create_dir_all(self.working_folder(node)).unwrap();
                Node::spawn(self.command(node))
            })
            .collect();
        let mut addresses: Vec<_> = nodes.iter().map(Node::ready).collect();
        let proxy = (addresses.len() > 1)
            .then(|| Proxy::before(addresses.iter().map(|address| address.parse().unwrap()).collect()));
        let address = proxy.as_ref().map_or_else(|| addresses.remove(0), |proxy| proxy.address.to_string());
        Server { nodes, proxy, address, setup: self.clone() }
    }

    /// Runs a server that is expected not to start.
    pub fn refuse(&self) -> Refusal {
        let began = Instant::now();
        let mut child = self.command(0).spawn().unwrap();
        let status = ended(&mut child, START);
        let mut refusal =
            Refusal { status, stdout: String::new(), stderr: String::new(), took: began.elapsed() };
        child.stdout.take().unwrap().read_to_string(&mut refusal.stdout).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut refusal.stderr).unwrap();
        refusal
    }
}

/// A server that did not start.
#[derive(Debug)]
pub struct Refusal {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Refusal {
    /// Checks that it failed with one sentence that names the next step, and without a panic.
    #[track_caller]
    pub fn says(&self, next_step: &str) {
        assert!(self.status.code().is_some_and(|code| code != 0), "{self:?}");
        let lines: Vec<_> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "one sentence: {self:?}");
        assert!(lines[0].starts_with("chatserver: ") && lines[0].contains(next_step), "{self:?}");
        for text in [&self.stdout, &self.stderr] {
            assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{self:?}");
        }
        assert!(!self.stdout.contains(r#""message":"ready""#), "{self:?}");
    }
}

/// A running server. Dropping it kills it.
pub struct Server {
    nodes: Vec<Node>,
    proxy: Option<Proxy>,
    /// `127.0.0.1:<port>`.
    pub address: String,
    pub setup: Setup,
}

impl Server {
    /// Starts a server with default settings.
    pub fn start() -> Self {
        Setup::new().start()
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Process id of a server that is one process.
    pub fn id(&self) -> u32 {
        assert_eq!(self.nodes.len(), 1, "which of them?");
        self.nodes[0].id()
    }

    /// Ids of all its processes.
    pub fn ids(&self) -> Vec<u32> {
        self.nodes.iter().map(Node::id).collect()
    }

    /// Everything that it has printed so far, errors too.
    pub fn printed(&self) -> String {
        self.nodes.iter().map(Node::printed).collect()
    }

    pub async fn send(&self, request: Request) -> Answer {
        request.send(&self.address).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Request::post(path, body)).await
    }

    /// Kills the process, as a power cut would.
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
        self.proxy = None;
    }

    /// Sends SIGTERM.
    pub fn ask_to_end(&self) {
        self.nodes.iter().for_each(Node::ask_to_end);
    }

    /// Watches it for this long and fails if it ends.
    pub async fn runs_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.nodes.iter_mut().for_each(Node::runs);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits at most `limit` for the end. Returns the status, of several nodes the worst.
    pub fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        let ended = self
            .nodes
            .iter_mut()
            .map(|node| node.ended_within(deadline.saturating_duration_since(Instant::now())));
        let statuses: Vec<_> = ended.collect();
        self.proxy = None;
        *statuses.iter().find(|status| !status.success()).unwrap_or(&statuses[0])
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.ask_to_end();
        assert!(self.ended_within(Duration::from_secs(10)).success(), "{}", self.printed());
    }

    /// Memory in KiB, of all nodes together: `VmRSS`, the present size, or `VmHWM`, its maximum so far.
    pub fn resident_kib(&self, which: &str) -> u64 {
        self.nodes.iter().map(|node| node.resident_kib(which)).sum()
    }
}

/// Reads a file.
pub fn bytes_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
