//! Screens that a program draws on and a person types at, kept by a tmux server of the test's own. What is shown is
//! waited for with a deadline.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for something to be shown, on a machine that does other things too.
const DEADLINE: Duration = Duration::from_secs(30);
/// How often a screen is looked at.
const PAUSE: Duration = Duration::from_millis(25);

/// A tmux server and the home folder of whoever sits before its screens.
pub struct Desk {
    folder: TempDir,
}

/// A screen.
pub struct Screen<'a> {
    desk: &'a Desk,
    name: String,
}

impl Desk {
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

    /// Runs a command of the shell on a screen of this size; it keeps what was shown when the command has ended.
    pub fn run(&self, name: &str, (width, height): (u16, u16), command: &str) -> Screen<'_> {
        let size = [width.to_string(), height.to_string()];
        // Whatever could change what the client does is left out.
        let whole = format!(
            "env -i HOME='{}' PATH=\"$PATH\" TERM=\"$TERM\" LC_ALL=C.UTF-8 TZ=UTC bash --noprofile --norc -c '{}; echo status=$?; sleep 600'",
            self.home().display(),
            command.replace('\'', "'\\''"),
        );
        self.tmux_text(&["new-session", "-d", "-s", name, "-x", &size[0], "-y", &size[1], &whole]);
        self.tmux_text(&["set-option", "-t", name, "window-size", "manual"]);
        Screen { desk: self, name: name.into() }
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

impl Screen<'_> {
    /// Its window is closed.
    pub fn closes(self) {
        self.desk.tmux_text(&["kill-session", "-t", &self.name]);
    }

    /// What is shown.
    pub fn shown(&self) -> String {
        self.desk.tmux_text(&["capture-pane", "-p", "-t", &self.name])
    }

    /// Something that tmux knows of the screen.
    pub fn ask(&self, format: &str) -> String {
        self.desk.tmux_text(&["display-message", "-p", "-t", &self.name, format]).trim_end().to_owned()
    }

    /// Types this, letter by letter.
    pub fn types(&self, text: &str) {
        self.desk.tmux_text(&["send-keys", "-t", &self.name, "-l", "--", text]);
    }

    /// Presses a key that tmux knows by this name.
    pub fn presses(&self, key: &str) {
        self.desk.tmux_text(&["send-keys", "-t", &self.name, key]);
    }

    pub fn says(&self, text: &str) {
        self.types(text);
        self.presses("Enter");
    }

    /// Pastes this at once, as a terminal does it.
    pub fn pastes(&self, text: &str) {
        self.desk.tmux_text(&["set-buffer", "--", text]);
        self.desk.tmux_text(&["paste-buffer", "-p", "-r", "-t", &self.name]);
    }

    pub fn resize(&self, width: u16, height: u16) {
        let size = [width.to_string(), height.to_string()];
        self.desk.tmux_text(&["resize-window", "-t", &self.name, "-x", &size[0], "-y", &size[1]]);
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

    /// In how many rows of the messages this text stands; the list shows the last one too.
    pub fn count(&self, text: &str) -> usize {
        let rows = self.shown();
        rows.lines().filter(|row| row.split('│').nth(1).is_some_and(|right| right.contains(text))).count()
    }
}
