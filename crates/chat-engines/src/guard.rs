//! Ends an engine whose user can't do so any more, because it was killed or has ended without a word: a shell that waits
//! for the end of a pipe, which the system closes however a process ends.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context, Result};

use crate::system::{self, Signal};

/// Reads which process is to be ended, the last line counting; after the pipe's end it does so and clears up.
/// A process that has to be told more than once gets 10 seconds.
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

/// The shell. It ends with this.
pub(crate) struct Guard {
    shell: Child,
    told: ChildStdin,
}

impl Guard {
    /// Has this folder removed, and by this signal ended what [`Guard::watch`] names, when this process is gone.
    pub(crate) fn over(folder: &Path, farewell: Signal) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "guard", farewell.name()]).arg(folder);
        // Whoever kills this process with its whole group must not get the shell too.
        system::in_a_group_of_its_own(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().context("a shell cannot be started")?;
        let told = shell.stdin.take().context("the shell has no input")?;
        Ok(Self { shell, told })
    }

    /// Says which process it is about from now on.
    pub(crate) fn watch(&mut self, process: Option<u32>) -> Result<()> {
        let process = process.map(|id| id.to_string()).unwrap_or_default();
        writeln!(self.told, "{process}").context("the shell that guards an engine is gone")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
