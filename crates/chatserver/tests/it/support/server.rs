//! The real binary as a child process, in a folder of its own, on a port that the system chooses.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Answer, Request};

/// What could change the server's behaviour from outside the test.
const SETTINGS: [&str; 16] = [
    "CHATSERVER_FAILPOINTS",
    "HOST",
    "PORT",
    "JWT_SECRET",
    "JWT_EXPIRY_MINUTES",
    "DATABASE_PATH",
    "DATABASE_URL",
    "LOG_FILE",
    "LOG_LEVEL",
    "MAX_CONNECTIONS",
    "MAX_CONNECTIONS_PER_USER",
    "MAX_QUEUED_FRAMES",
    "MAX_QUEUED_BYTES",
    "METRICS_ADDRESS",
    "TLS_CERT",
    "TLS_KEY",
];
/// A server that takes longer to start is broken.
const START: Duration = Duration::from_secs(20);

/// How to start a server; the folder outlives it, so the next one finds what it left.
#[derive(Clone)]
pub struct Setup {
    folder: Arc<TempDir>,
    args: Vec<String>,
    variables: Vec<(String, String)>,
    has_port: bool,
    inside: String,
    starter: Vec<String>,
}

impl Setup {
    /// A server in a new folder.
    pub fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self {
            folder,
            args: Vec::new(),
            variables: Vec::new(),
            has_port: false,
            inside: String::new(),
            starter: Vec::new(),
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

    /// A server that is told its port in another way than by the flag.
    pub fn without_port(mut self) -> Self {
        self.has_port = true;
        self
    }

    /// A server that works in a folder below.
    pub fn inside(mut self, folder: &str) -> Self {
        self.inside = folder.into();
        self
    }

    /// A server that another program starts, by replacing itself with it: the command and its first arguments.
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

    fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_chatserver").to_owned();
        let mut words = self.starter.iter().chain(std::iter::once(&binary));
        let mut command = Command::new(words.next().unwrap());
        command.args(words).current_dir(self.folder.path().join(&self.inside)).args(&self.args);
        if !self.has_port {
            command.args(["--port", "0"]);
        }
        for name in SETTINGS {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the server and waits until it is ready.
    pub fn start(&self) -> Server {
        let mut child = self.command().spawn().unwrap();
        let output = Output::default();
        let lines = output.follow(child.stdout.take().unwrap());
        let errors = output.follow(child.stderr.take().unwrap());
        let mut server = Server { child, address: String::new(), setup: self.clone(), output, errors };
        server.address = server.wait_until_ready(&lines);
        server
    }

    /// Runs a server that is expected not to start.
    pub fn refuse(&self) -> Refusal {
        let began = Instant::now();
        let mut child = self.command().spawn().unwrap();
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
    /// It failed with one sentence that names the next step, and without a panic.
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

/// All that a process has written so far.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<String>>);

impl Output {
    /// Keeps each line, and passes it on as long as somebody listens.
    fn follow(&self, from: impl Read + Send + 'static) -> Receiver<String> {
        let (sender, lines) = channel();
        let text = self.0.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                let mut text = text.lock().unwrap();
                text.push_str(&line);
                text.push('\n');
                let _ = sender.send(line);
            }
        });
        lines
    }
}

/// A server that runs. Dropping it kills it.
pub struct Server {
    child: Child,
    /// `127.0.0.1:<port>`.
    pub address: String,
    pub setup: Setup,
    output: Output,
    errors: Receiver<String>,
}

impl Server {
    /// A server with nothing unusual about it.
    pub fn start() -> Self {
        Setup::new().start()
    }

    fn wait_until_ready(&mut self, lines: &Receiver<String>) -> String {
        let deadline = Instant::now() + START;
        loop {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
                    if event["fields"]["message"] == "ready" {
                        let url = event["fields"]["url"].as_str().expect("the line names the URL");
                        let authority = url.split_once("://").unwrap().1;
                        return authority.replace("0.0.0.0", "127.0.0.1");
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("not ready in time: {}", self.printed()),
                Err(RecvTimeoutError::Disconnected) => {
                    let said: Vec<_> = self.errors.iter().collect();
                    panic!("the server ended: {said:?} {}", self.printed())
                }
            }
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has printed so far, errors too.
    pub fn printed(&self) -> String {
        self.output.0.lock().unwrap().clone()
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

    /// Ends it as a power cut would end the process.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end.
    pub fn ask_to_end(&self) {
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.id())]).status();
        assert!(asked.unwrap().success());
    }

    /// Watches it for so long and fails if it ends.
    pub async fn runs_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            assert_eq!(self.child.try_wait().unwrap(), None, "it was to wait: {}", self.printed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How it ended; waits for at most so long.
    pub fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        ended(&mut self.child, limit)
    }

    /// Ends it in order.
    pub fn stop(&mut self) {
        self.ask_to_end();
        assert!(self.ended_within(Duration::from_secs(10)).success(), "{}", self.printed());
    }

    /// Its memory in KiB: `VmRSS`, what it has now, or `VmHWM`, the most that it has had.
    pub fn resident_kib(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':')).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server printed:\n{}", self.printed());
        }
    }
}

fn ended(child: &mut Child, limit: Duration) -> ExitStatus {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the server did not end within {limit:?}");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The bytes of a file.
pub fn bytes_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
