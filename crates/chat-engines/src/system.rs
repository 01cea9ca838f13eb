//! Functions that only Unix has: signals to other processes, process groups, files of other users.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use rustix::process::{Pid, geteuid, kill_process};

/// The signals that this crate sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Stop,
    Continue,
    Reload,
    Quit,
    Kill,
}

impl Signal {
    /// Returns the name by which the shell's `kill` knows the signal.
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

/// Puts the command into a process group of its own. A Ctrl-C at the terminal then ends the user of an engine
/// but not the engine itself, which ends after its user.
pub(crate) fn in_own_process_group(command: &mut Command) {
    command.process_group(0);
}

pub(crate) fn is_root() -> bool {
    geteuid().is_root()
}

pub(crate) fn change_owner(path: &Path, user: u32, group: u32) -> Result<()> {
    chown(path, Some(user), Some(group)).with_context(|| format!("{} cannot be given away", path.display()))
}

/// Returns whether every user may pass through all folders on the path to this folder's contents.
pub(crate) fn is_open_to_all(folder: &Path) -> bool {
    folder.ancestors().all(|it| it.metadata().is_ok_and(|it| it.mode() & 0o001 != 0))
}
