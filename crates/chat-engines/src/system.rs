//! What only Unix can do: signals to other processes, groups of processes, files of other users.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::{Pid, geteuid, kill_process};

/// The signals that are sent here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Stop,
    Continue,
    Reload,
    Quit,
    Kill,
}

impl Signal {
    /// The name by which the shell's `kill` knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stop => "STOP",
            Self::Continue => "CONT",
            Self::Reload => "HUP",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

pub(crate) fn send(signal: Signal, id: u32) -> Result<()> {
    let signal = match signal {
        Signal::Stop => rustix::process::Signal::STOP,
        Signal::Continue => rustix::process::Signal::CONT,
        Signal::Reload => rustix::process::Signal::HUP,
        Signal::Quit => rustix::process::Signal::QUIT,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    let process = i32::try_from(id).ok().and_then(Pid::from_raw).context("there is no such process")?;
    kill_process(process, signal).with_context(|| format!("process {id} cannot be signalled"))
}

/// A Ctrl-C at the terminal ends whoever uses an engine; the engine ends when that has.
pub(crate) fn in_a_group_of_its_own(command: &mut Command) {
    command.process_group(0);
}

pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

pub(crate) fn give(path: &Path, user: u32, group: u32) -> Result<()> {
    chown(path, Some(user), Some(group)).with_context(|| format!("{} cannot be given away", path.display()))
}

/// Whether everybody may pass through all folders on the way to what lies in this one.
pub(crate) fn is_open_to_all(folder: &Path) -> bool {
    folder.ancestors().all(|it| it.metadata().is_ok_and(|it| it.mode() & 0o001 != 0))
}
