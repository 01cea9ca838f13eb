//! A server program as a child process: started until it is ready, ended, paused. Which program it is stands elsewhere.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::guard::Guard;
use crate::system::{self, Signal};

/// A server that takes longer to start, or to end, is broken.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// What of a log is shown when a server doesn't start.
const LAST_LINES: usize = 20;

/// A server program, running or not. Dropping it ends it.
pub(crate) struct Daemon {
    name: &'static str,
    log: PathBuf,
    farewell: Signal,
    child: Option<Child>,
    is_paused: bool,
    guard: Guard,
}

/// How a start has gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Started {
    Ready,
    /// Somebody else has the port.
    PortTaken,
}

impl Daemon {
    /// A program that will run in this folder and is ended by this signal.
    pub(crate) fn new(name: &'static str, folder: &Path, farewell: Signal) -> Result<Self> {
        let guard = Guard::over(folder, farewell)?;
        let log = folder.join(format!("{name}.log"));
        Ok(Self { name, log, farewell, child: None, is_paused: false, guard })
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Starts it, and waits until it is ready by the word of `is_ready`, which is told the process.
    pub(crate) fn start(&mut self, mut command: Command, is_ready: impl Fn(u32) -> bool) -> Result<Started> {
        if self.child.is_some() {
            bail!("{} runs already", self.name);
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("{} cannot be written", self.log.display()))?;
        let began_at = log.metadata().map_or(0, |it| it.len());
        system::in_a_group_of_its_own(&mut command);
        // In one language, since what is said about the port is read.
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command.stdout(log.try_clone().context("a log can't be shared")?).stderr(log);
        let child = command.spawn().with_context(|| format!("{} cannot be started", self.name))?;
        let id = child.id();
        self.child = Some(child);
        self.guard.watch(Some(id))?;
        let deadline = Instant::now() + PATIENCE;
        while !is_ready(id) {
            if let Some(status) = self.has_ended()? {
                return self.explain(status, began_at);
            }
            if Instant::now() > deadline {
                self.end()?;
                bail!("{} was not ready within {PATIENCE:?}:\n{}", self.name, self.said_since(began_at));
            }
            std::thread::sleep(LOOK);
        }
        Ok(Started::Ready)
    }

    /// How it ended, if it has.
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
        let said = self.said_since(began_at);
        if said.to_ascii_lowercase().contains("address already in use") {
            return Ok(Started::PortTaken);
        }
        bail!("{} ended instead of getting ready ({status}):\n{said}", self.name)
    }

    fn said_since(&self, place: u64) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let place = usize::try_from(place).unwrap_or_default();
        let said = String::from_utf8_lossy(log.get(place..).unwrap_or_default()).into_owned();
        let lines: Vec<_> = said.lines().collect();
        lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
    }

    fn id(&self) -> Result<u32> {
        let child = self.child.as_ref().with_context(|| format!("{} does not run", self.name))?;
        Ok(child.id())
    }

    /// Sends it a signal that does not end it.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        system::send(signal, self.id()?)
    }

    /// Ends it by its signal, and waits until it is gone.
    pub(crate) fn end(&mut self) -> Result<()> {
        let id = self.id()?;
        if self.is_paused {
            self.resume()?;
        }
        system::send(self.farewell, id)?;
        let deadline = Instant::now() + PATIENCE;
        while self.has_ended()?.is_none() {
            if Instant::now() > deadline {
                system::send(Signal::Kill, id)?;
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Stops it where it is, with every process that it has started. It notices nothing.
    pub(crate) fn pause(&mut self) -> Result<()> {
        let id = self.id()?;
        self.is_paused = true;
        system::send(Signal::Stop, id)?;
        // First it alone, so that none is started behind the list's back.
        until_stopped(id)?;
        for child in children(id)? {
            // One that has ended in between is out of reach, and needs no pause.
            if system::send(Signal::Stop, child).is_ok() {
                until_stopped(child)?;
            }
        }
        Ok(())
    }

    /// Lets it go on.
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

/// A process as the system describes it: its state, a letter, and its parent.
fn standing(process: &Path) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(process.join("stat")).ok()?;
    // The name, in brackets, may hold anything.
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.chars().next()?, words.next()?.parse().ok()?))
}

/// The processes that this one has started and that are still there.
fn children(parent: u32) -> Result<Vec<u32>> {
    let processes = std::fs::read_dir("/proc").context("pausing needs /proc, which only Linux has")?;
    let is_child = |path: &Path| standing(path).is_some_and(|(_, its_parent)| its_parent == parent);
    let found = processes.flatten().filter(|entry| is_child(&entry.path()));
    Ok(found.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// A signal is obeyed soon, but not at once.
fn until_stopped(id: u32) -> Result<()> {
    let process = PathBuf::from(format!("/proc/{id}"));
    let deadline = Instant::now() + PATIENCE;
    while standing(&process).is_some_and(|(state, _)| !matches!(state, 'T' | 't' | 'Z' | 'X')) {
        if Instant::now() > deadline {
            bail!("process {id} does not stop");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
