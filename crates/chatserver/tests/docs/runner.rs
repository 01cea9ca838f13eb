//! Runs the steps of one document, in a folder of its own, against a server of its own on a free port. Documents say
//! 8080 everywhere: typed text is rewritten to the real port, and output is rewritten back.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::compare;
use crate::markdown::{Action, Step, steps};
use crate::terminal::Terminal;

/// Terminal of the server. If a document does not start one there, the runner does before the first step.
const SERVER: &str = "server";
const PROGRAM: &str = env!("CARGO_BIN_EXE_chatserver");

pub struct Options {
    /// Upper bound for each step.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(30) }
    }
}

/// Result of a run.
#[derive(Debug)]
pub struct Report {
    /// Number of blocks of commands that were run.
    pub n_run: usize,
    /// Line and reason of each block that was not run.
    pub not_run: Vec<(usize, String)>,
}

/// Runs a document. A failure begins with the line at which it occurred.
pub fn run(markdown: &str, options: Options) -> Result<Report, String> {
    let steps = steps(markdown)?;
    let mut session = Session::new(options)?;
    if !steps.iter().any(|step| matches!(&step.action, Action::Start { terminal, .. } if terminal == SERVER))
    {
        session.start_server().map_err(|error| format!("1: the server did not start: {error}"))?;
    }
    let mut report = Report { n_run: 0, not_run: Vec::new() };
    for Step { line, action } in steps {
        if let Action::LeaveOut(reason) = action {
            report.not_run.push((line, reason));
            continue;
        }
        report.n_run += usize::from(matches!(action, Action::Run { .. } | Action::Start { .. }));
        session.act(action).map_err(|error| format!("{line}: {error}"))?;
    }
    Ok(report)
}

/// Fails with advice if a program is missing that documents use.
fn need(program: &str) -> Result<(), String> {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!(
            "1: {program} is needed to run the documents; install it, for example: apt-get install {program}"
        )),
    }
}

struct Session {
    folder: tempfile::TempDir,
    port: u16,
    environment: Vec<(&'static str, OsString)>,
    terminals: BTreeMap<String, Terminal>,
    deadline: Duration,
}

impl Session {
    fn new(options: Options) -> Result<Self, String> {
        ["bash", "curl", "jq"].into_iter().try_for_each(need)?;
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("target/release");
        std::fs::create_dir_all(&bin).unwrap();
        symlink(PROGRAM, bin.join("chatserver")).unwrap();
        // The port is free again at once. Until the server takes it, another process is unlikely to.
        let port = chat_engines::free_port().ok_or("no port is free")?;
        let environment = vec![
            ("PATH", path_with(&bin)),
            ("HOME", folder.path().into()),
            ("LANG", "C.UTF-8".into()),
            ("PORT", port.to_string().into()),
            ("CHATSERVER_URL", format!("http://127.0.0.1:{port}").into()),
        ];
        Ok(Self { folder, port, environment, terminals: BTreeMap::new(), deadline: options.deadline })
    }

    fn start_server(&mut self) -> Result<(), String> {
        self.act(Action::Start { terminal: SERVER.into(), script: "./target/release/chatserver".into() })?;
        self.terminal(SERVER).expect("...\n  Stop with Ctrl-C.")
    }

    fn act(&mut self, action: Action) -> Result<(), String> {
        match action {
            Action::Run { terminal, script, status, output } => {
                let script = self.with_port(&script);
                let terminal = self.terminal(&terminal);
                if terminal.is_busy {
                    return Err("something runs in this terminal; use another".into());
                }
                let (printed, ended) = terminal.run(&script)?;
                let printed = self.without_port(&printed);
                if ended != status {
                    return Err(format!(
                        "a command ended with {ended}, not with {status}; it printed:\n{printed}"
                    ));
                }
                let Some(output) = output else { return Ok(()) };
                let compared = if output.is_json { compare::json } else { compare::text };
                compared(&output.text, &printed).map_err(|error| format!("at line {}, {error}", output.line))
            }
            Action::Start { terminal, script } => {
                let script = self.with_port(&script);
                let terminal = self.terminal(&terminal);
                if terminal.is_busy {
                    return Err("something runs in this terminal; use another".into());
                }
                terminal.start(&script)
            }
            Action::Type { terminal, text, ends_with } => {
                let text = self.with_port(&text);
                match self.terminals.get_mut(&terminal) {
                    Some(terminal) if terminal.is_busy => type_to(terminal, &text, ends_with),
                    _ => Err("nothing runs in this terminal that could be typed to".into()),
                }
            }
            Action::Expect { terminal, text } => {
                let text = self.with_port(&text);
                self.terminal(&terminal).expect(&text).map_err(|error| self.without_port(&error))
            }
            Action::LeaveOut(_) => Ok(()),
        }
    }

    fn terminal(&mut self, name: &str) -> &mut Terminal {
        let (folder, environment, deadline) = (self.folder.path(), &self.environment, self.deadline);
        self.terminals.entry(name.to_owned()).or_insert_with(|| {
            Terminal::open(
                folder,
                environment.iter().map(|(name, value)| (*name, value.as_os_str())),
                deadline,
            )
        })
    }

    fn with_port(&self, text: &str) -> String {
        ["localhost", "127.0.0.1"].iter().fold(text.to_owned(), |text, host| {
            text.replace(&format!("{host}:8080"), &format!("{host}:{}", self.port))
        })
    }

    fn without_port(&self, text: &str) -> String {
        ["localhost", "127.0.0.1"].iter().fold(text.to_owned(), |text, host| {
            text.replace(&format!("{host}:{}", self.port), &format!("{host}:8080"))
        })
    }
}

fn type_to(terminal: &mut Terminal, text: &str, ends_with: Option<i32>) -> Result<(), String> {
    terminal.type_in(text)?;
    let Some(status) = ends_with else { return Ok(()) };
    match terminal.ended() {
        Ok((_, ended)) if ended == status => Ok(()),
        Ok((shown, ended)) => Err(format!("it ended with {ended}, not with {status}; it printed:\n{shown}")),
        Err(shown) => Err(format!("it did not end in time; so far it printed:\n{shown}")),
    }
}

fn path_with(first: &Path) -> OsString {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(first)).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).unwrap()
}
