//! A server program as a child process: starts it, waits until it is ready, pauses it and ends it. The
//! modules of the engines choose the program.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::guard::Guard;
use crate::system::{self, Signal};

/// A server that takes longer to start, or to end, is broken.
const TIMEOUT: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Number of lines of the log that are shown when a server does not start.
const LAST_LINES: usize = 20;

/// A server program, running or not. Dropping this ends the program.
pub(crate) struct Daemon {
    name: &'static str,
    log: PathBuf,
    end_signal: Signal,
    child: Option<Child>,
    is_paused: bool,
    guard: Guard,
}

/// Outcome of a start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Started {
    Ready,
    /// Another program uses the port.
    PortTaken,
}

impl Daemon {
    /// Creates a program that will run in this folder. `end_signal` ends it.
    pub(crate) fn new(name: &'static str, folder: &Path, end_signal: Signal) -> Result<Self> {
        let guard = Guard::over(folder, end_signal)?;
        let log = folder.join(format!("{name}.log"));
        Ok(Self { name, log, end_signal, child: None, is_paused: false, guard })
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Starts the program and waits until `is_ready` returns true for its process id.
    pub(crate) fn start(&mut self, mut command: Command, is_ready: impl Fn(u32) -> bool) -> Result<Started> {
        if self.child.is_some() {
            bail!("{} runs already", self.name);
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("{} cannot be written", self.log.display()))?;
        let began_at = log.metadata().map_or(0, |it| it.len());
        system::in_own_process_group(&mut command);
        // Fix the language, because the program's message about the port is parsed.
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command.stdout(log.try_clone().context("a log can't be shared")?).stderr(log);
        let child = command.spawn().with_context(|| format!("{} cannot be started", self.name))?;
        let id = child.id();
        self.child = Some(child);
        self.guard.watch(Some(id))?;
        let deadline = Instant::now() + TIMEOUT;
        while !is_ready(id) {
            if let Some(status) = self.has_ended()? {
                return self.explain(status, began_at);
            }
            if Instant::now() > deadline {
                self.end()?;
                bail!("{} was not ready within {TIMEOUT:?}:\n{}", self.name, self.log_since(began_at));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(Started::Ready)
    }

    /// Returns the exit status if the program has ended.
    fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        let Some(child) = &mut self.child else { return Ok(None) };
        let status = child.try_wait().with_context(|| format!("{} cannot be watched", self.name))?;
        if status.is_some() {
            self.child = None;
            self.guard.watch(None)?;
        }
        Ok(status)
    }

    fn explain(&self, status: ExitStatus, began_at: u64) -> Result<Started> {
        let text = self.log_since(began_at);
        if text.to_ascii_lowercase().contains("address already in use") {
            return Ok(Started::PortTaken);
        }
        bail!("{} ended instead of getting ready ({status}):\n{text}", self.name)
    }

    fn log_since(&self, offset: u64) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let offset = usize::try_from(offset).unwrap_or_default();
        let text = String::from_utf8_lossy(log.get(offset..).unwrap_or_default()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
    }

    fn id(&self) -> Result<u32> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        Ok(child.id())
    }

    /// Sends a signal that does not end the program.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        system::send(signal, self.id()?)
    }

    /// Ends the program with its signal, and waits until it is gone.
    pub(crate) fn end(&mut self) -> Result<()> {
        let id = self.id()?;
        if self.is_paused {
            self.resume()?;
        }
        system::send(self.end_signal, id)?;
        let deadline = Instant::now() + TIMEOUT;
        while self.has_ended()?.is_none() {
            if Instant::now() > deadline {
                system::send(Signal::Kill, id)?;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Pauses the program and every process that it has started. They do not notice.
    pub(crate) fn pause(&mut self) -> Result<()> {
        let id = self.id()?;
        self.is_paused = true;
        system::send(Signal::Stop, id)?;
        // Stop the parent first, so that it starts no child after the list is read.
        wait_until_stopped(id)?;
        for child in children(id)? {
            // A child that has ended in between gets no signal and needs no pause.
            if system::send(Signal::Stop, child).is_ok() {
                wait_until_stopped(child)?;
            }
        }
        Ok(())
    }

    /// Resumes the program and its children.
    pub(crate) fn resume(&mut self) -> Result<()> {
        let id = self.id()?;
        for child in children(id)? {
            let _ = system::send(Signal::Continue, child);
        }
        system::send(Signal::Continue, id)?;
        self.is_paused = false;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.is_some()
            && let Err(error) = self.end()
        {
            eprintln!("{} could not be ended: {error:#}", self.name);
        }
    }
}

/// Returns the state of a process, a letter, and the id of its parent, as the system reports them.
fn state_and_parent(process: &Path) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(process.join("stat")).ok()?;
    // The name, in brackets, may contain any character.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// Returns the ids of the running child processes of `parent`.
fn children(parent: u32) -> Result<Vec<u32>> {
    let processes = std::fs::read_dir("/proc").context("pausing needs /proc, which only Linux has")?;
    let is_child = |path: &Path| state_and_parent(path).is_some_and(|(_, its_parent)| its_parent == parent);
    let found = processes.flatten().filter(|entry| is_child(&entry.path()));
    Ok(found.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// Waits until the process has stopped: a signal takes effect soon, but not at once.
fn wait_until_stopped(id: u32) -> Result<()> {
    let process = PathBuf::from(format!("/proc/{id}"));
    let deadline = Instant::now() + TIMEOUT;
    while state_and_parent(&process).is_some_and(|(state, _)| !matches!(state, 'T' | 't' | 'Z' | 'X')) {
        if Instant::now() > deadline {
            bail!("process {id} does not stop");
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}
