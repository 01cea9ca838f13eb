//! One process of the server, and everything that it has printed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Upper bound for a start.
pub const START: Duration = Duration::from_secs(20);

/// Everything that a process has written so far.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<String>>);

impl Output {
    /// Keeps each line, and sends it to the receiver while there is one.
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

/// A running process. Dropping it kills it.
pub struct Node {
    child: Child,
    output: Output,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Node {
    /// Starts it, without waiting until it is ready.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let output = Output::default();
        let lines = output.follow(child.stdout.take().unwrap());
        let errors = output.follow(child.stderr.take().unwrap());
        Self { child, output, lines, errors }
    }

    /// Waits until it logs that it is ready. Returns `127.0.0.1:<port>`.
    pub fn ready(&self) -> String {
        let deadline = Instant::now() + START;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
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

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn printed(&self) -> String {
        self.output.0.lock().unwrap().clone()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn ask_to_end(&self) {
        let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.id())]).status();
        assert!(asked.unwrap().success());
    }

    #[track_caller]
    pub fn runs(&mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "it was to wait: {}", self.printed());
    }

    pub fn ended_within(&mut self, limit: Duration) -> ExitStatus {
        ended(&mut self.child, limit)
    }

    pub fn resident_kib(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':')).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server printed:\n{}", self.printed());
        }
    }
}

/// Waits at most `limit` for a process to end. Returns its status.
pub fn ended(child: &mut Child, limit: Duration) -> ExitStatus {
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
