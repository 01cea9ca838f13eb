//! Screens that a program draws on and a person types at, kept by a tmux server of the test's own. Tests wait for their
//! content with a deadline.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for a content, on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);
/// Interval at which a screen is read.
const PAUSE: Duration = Duration::from_millis(25);

/// A tmux server and the home folder of the person at its screens.
pub struct TmuxServer {
    folder: TempDir,
}

pub struct Screen<'a> {
    tmux: &'a TmuxServer,
    name: String,
}

impl TmuxServer {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn home(&self) -> &Path {
        self.folder.path()
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("tmux")
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.env_clear().env("LC_ALL", "C.UTF-8").env("HOME", self.home());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(self.socket()).args(args);
        command.output().unwrap_or_else(|error| panic!("tmux is needed for this; install it: {error}"))
    }

    fn tmux_text(&self, args: &[&str]) -> String {
        let output = self.tmux(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a shell command on a screen of this size. The screen stays after the command has ended.
    pub fn run(&self, name: &str, (width, height): (u16, u16), command: &str) -> Screen<'_> {
        let size = [width.to_string(), height.to_string()];
        // Without any variable that could change the client's behaviour.
        let whole = format!(
            "env -i HOME='{}' PATH=\"$PATH\" TERM=\"$TERM\" LC_ALL=C.UTF-8 TZ=UTC bash --noprofile --norc -c '{}; echo status=$?; sleep 600'",
            self.home().display(),
            command.replace('\'', "'\\''"),
        );
        self.tmux_text(&["new-session", "-d", "-s", name, "-x", &size[0], "-y", &size[1], &whole]);
        self.tmux_text(&["set-option", "-t", name, "window-size", "manual"]);
        Screen { tmux: self, name: name.into() }
    }
}

impl Drop for TmuxServer {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl Screen<'_> {
    /// Closes its window.
    pub fn closes(self) {
        self.tmux.tmux_text(&["kill-session", "-t", &self.name]);
    }

    /// Returns the screen's content.
    pub fn shown(&self) -> String {
        self.tmux.tmux_text(&["capture-pane", "-p", "-t", &self.name])
    }

    /// Returns a property of the screen that tmux knows.
    pub fn ask(&self, format: &str) -> String {
        self.tmux.tmux_text(&["display-message", "-p", "-t", &self.name, format]).trim_end().to_owned()
    }

    /// Types a text, letter by letter.
    pub fn types(&self, text: &str) {
        self.tmux.tmux_text(&["send-keys", "-t", &self.name, "-l", "--", text]);
    }

    /// Presses a key that tmux knows by this name.
    pub fn presses(&self, key: &str) {
        self.tmux.tmux_text(&["send-keys", "-t", &self.name, key]);
    }

    pub fn says(&self, text: &str) {
        self.types(text);
        self.presses("Enter");
    }

    /// Pastes a text at once, as a terminal does.
    pub fn pastes(&self, text: &str) {
        self.tmux.tmux_text(&["set-buffer", "--", text]);
        self.tmux.tmux_text(&["paste-buffer", "-p", "-r", "-t", &self.name]);
    }

    pub fn resize(&self, width: u16, height: u16) {
        let size = [width.to_string(), height.to_string()];
        self.tmux.tmux_text(&["resize-window", "-t", &self.name, "-x", &size[0], "-y", &size[1]]);
    }

    #[track_caller]
    pub fn waits_until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let shown = self.shown();
            if is_so(&shown) {
                return shown;
            }
            assert!(Instant::now() < deadline, "not on {}'s screen: {what}\n{shown}", self.name);
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until this text is shown.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.waits_until(text, |shown| shown.contains(text))
    }

    #[track_caller]
    pub fn shows_no_more(&self, text: &str) -> String {
        self.waits_until(&format!("(no more) {text}"), |shown| !shown.contains(text))
    }

    /// Counts the rows of messages with this text. The list of conversations shows the last message too.
    pub fn count(&self, text: &str) -> usize {
        let rows = self.shown();
        rows.lines().filter(|row| row.split('│').nth(1).is_some_and(|right| right.contains(text))).count()
    }
}
