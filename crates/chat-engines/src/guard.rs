//! Ends an engine whose user cannot do so any more, because the user's process was killed or ended without
//! cleaning up.
//! The guard is a shell that waits for the end of a pipe, which the system closes however a process ends.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

use crate::system::{self, Signal};

/// Reads the id of the process to end; the last line counts. After the end of the pipe it ends that process
/// and removes the folder. A process that ignores the signal is killed after 10 seconds.
const SCRIPT: &str = r#"
process=
while read -r line; do process=$line; done
if [ -n "$process" ]; then
  kill -s CONT "$process"
  kill -s "$1" "$process"
  tries=0
  while [ "$tries" -lt 100 ] && kill -0 "$process"; do sleep 0.1; tries=$((tries + 1)); done
  kill -s KILL "$process"
fi
rm -rf -- "$2"
"#;

/// The guarding shell. Dropping this ends the shell.
pub(crate) struct Guard {
    shell: Child,
    input: ChildStdin,
}

impl Guard {
    /// Starts a guard that acts when this process is gone: it sends `end_signal` to the process named to
    /// [`Guard::watch`] and removes the folder.
    pub(crate) fn over(folder: &Path, end_signal: Signal) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "guard", end_signal.name()]).arg(folder);
        // A signal that kills the whole group of this process must not kill the shell too.
        system::in_own_process_group(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().context("a shell cannot be started")?;
        let input = shell.stdin.take().context("the shell has no input")?;
        Ok(Self { shell, input })
    }

    /// Sets the process that the guard ends; `None` means none.
    pub(crate) fn watch(&mut self, process: Option<u32>) -> Result<()> {
        let process = process.map(|id| id.to_string()).unwrap_or_default();
        writeln!(self.input, "{process}").context("the shell that guards an engine is gone")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only if the shell has ended already.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
