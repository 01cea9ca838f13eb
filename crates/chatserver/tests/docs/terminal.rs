//! A terminal window: a shell on a pseudo-terminal, so that programs behave as they do for a person. A document's text
//! is its input. The output is collected and can be waited for with a deadline.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::compare::{self, Found};

/// Printed before the exit status when commands have ended. No document shows it.
const MARK: &str = "\u{2}ended ";

#[derive(Default)]
struct Screen {
    bytes: Vec<u8>,
    has_ended: bool,
}

pub struct Terminal {
    shell: Child,
    input: ChildStdin,
    screen: Arc<(Mutex<Screen>, Condvar)>,
    /// How much of the screen the document has read, in bytes.
    read_to: usize,
    deadline: Duration,
    /// Whether a program keeps running in it.
    pub is_busy: bool,
}

impl Terminal {
    pub fn open<'a>(
        folder: &Path,
        environment: impl IntoIterator<Item = (&'a str, &'a OsStr)>,
        deadline: Duration,
    ) -> Self {
        let (controller, window) = pseudo_terminal();
        let mut shell = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(window.try_clone().unwrap())
            .stderr(window)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("bash is needed to run the documents; install it: {error}"));
        let mut input = shell.stdin.take().unwrap();
        // The trap records any command of a block that fails, not only the last one.
        input.write_all(b"set -o pipefail; trap 'failed=$?' ERR\n").unwrap();
        let screen = Arc::new((Mutex::new(Screen::default()), Condvar::new()));
        let watched = screen.clone();
        std::thread::spawn(move || watch(controller, &watched));
        Self { shell, input, screen, read_to: 0, deadline, is_busy: false }
    }

    /// Types text, and a line end if it has none.
    pub fn type_in(&mut self, text: &str) -> Result<(), String> {
        let text = format!("{}\n", text.trim_end());
        self.input.write_all(text.as_bytes()).map_err(|error| format!("nothing takes the input: {error}"))
    }

    /// Runs commands to their end. Returns their output and the status of the last one that failed, or 0.
    pub fn run(&mut self, script: &str) -> Result<(String, i32), String> {
        self.start(script)?;
        self.ended()
            .map_err(|shown| format!("the commands did not end in time; so far they printed:\n{shown}"))
    }

    /// Starts commands. They form one compound command, so that the shell has read all of it before the first one
    /// begins to read the terminal.
    pub fn start(&mut self, script: &str) -> Result<(), String> {
        self.is_busy = true;
        let script = script.trim_end();
        self.type_in(&format!("failed=0\n{{\n{script}\n}}; printf '\\n{MARK}%s\\n' \"$failed\"\n"))
    }

    /// Waits until the started commands have ended. `Err` is the output so far.
    pub fn ended(&mut self) -> Result<(String, i32), String> {
        let ended = self.wait(|text, _| {
            let (output, rest) = text.split_once(MARK)?;
            let (status, _) = rest.split_once('\n')?;
            let end = output.len() + MARK.len() + status.len() + 1;
            Some((end, (output.to_owned(), status.trim().parse().unwrap_or(-1))))
        })?;
        self.is_busy = false;
        Ok(ended)
    }

    /// Waits until these lines appear next.
    pub fn expect(&mut self, expected: &str) -> Result<(), String> {
        let wanted = compare::masked_lines(expected);
        let found = self.wait(|text, is_last| {
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            let lines = compare::masked_lines(&text[..whole]);
            match compare::find(&wanted, &lines) {
                Found::To(n_lines) => {
                    let end: usize = text.split_inclusive('\n').take(n_lines).map(str::len).sum();
                    Some((end, true))
                }
                Found::NotYet if !is_last => None,
                Found::NotYet | Found::Never => Some((0, false)),
            }
        });
        match found {
            Ok(true) => Ok(()),
            Ok(false) => Err(compare::difference(expected, &self.unread())),
            Err(shown) => Err(compare::difference(expected, &shown)),
        }
    }

    fn unread(&self) -> String {
        let screen = self.screen.0.lock().unwrap();
        String::from_utf8_lossy(&screen.bytes[self.read_to..]).into_owned()
    }

    /// Waits until `look` finds something in the unread output. It returns how far that goes. `Err` is all unread
    /// output.
    fn wait<T>(&mut self, mut look: impl FnMut(&str, bool) -> Option<(usize, T)>) -> Result<T, String> {
        let until = Instant::now() + self.deadline;
        let (screen, changed) = &*self.screen;
        let mut screen = screen.lock().unwrap();
        loop {
            let unread = screen.bytes[self.read_to..].to_vec();
            let left = until.saturating_duration_since(Instant::now());
            let is_last = screen.has_ended || left.is_zero();
            let text = String::from_utf8_lossy(&unread);
            if let Some((end, found)) = look(&text, is_last) {
                self.read_to += end;
                return Ok(found);
            }
            if is_last {
                return Err(text.into_owned());
            }
            screen = changed.wait_timeout(screen, left).unwrap().0;
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Everything started in this terminal is in the process group of its shell.
        let _ = kill_process_group(Pid::from_child(&self.shell), Signal::KILL);
        let _ = self.shell.wait();
    }
}

fn pseudo_terminal() -> (File, File) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let window =
        rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (File::from(controller), File::from(window))
}

fn watch(mut controller: File, (screen, changed): &(Mutex<Screen>, Condvar)) {
    let mut buffer = [0; 4096];
    loop {
        // Reading from a terminal that no process has open any more is an error.
        let count = controller.read(&mut buffer).unwrap_or(0);
        let mut screen = screen.lock().unwrap();
        // The terminal turns every line end into two characters.
        screen.bytes.extend(buffer[..count].iter().filter(|byte| **byte != b'\r'));
        screen.has_ended = count == 0;
        changed.notify_all();
        if count == 0 {
            return;
        }
    }
}
