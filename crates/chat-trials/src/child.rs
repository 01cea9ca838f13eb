//! Servers as child processes: their folder, their process, and when they are ready. Shared by the commands that start
//! servers. What a command does with its server does not belong in here.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use tokio::sync::oneshot;

/// Upper bound for a server's start or stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often to check whether a stopping server has ended.
const POLL: Duration = Duration::from_millis(10);

/// A folder that is removed with its contents when this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    is_kept: bool,
}

impl Folder {
    /// Creates a folder below the working folder, so that the caller chooses the disk.
    pub(super) fn create(purpose: &str) -> Result<Self> {
        let here = std::env::current_dir().context("there is no working folder")?;
        let path = here.join(format!("chatserver-{purpose}-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("{} cannot be created", path.display()))?;
        Ok(Self { path, is_kept: false })
    }

    /// Creates a folder that is kept. Its parent must exist.
    pub(super) fn create_kept(path: &Path) -> Result<Self> {
        std::fs::create_dir(path).with_context(|| format!("{} cannot be created", path.display()))?;
        let path = path.canonicalize().with_context(|| format!("{} cannot be found", path.display()))?;
        Ok(Self { path, is_kept: true })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the folder after the drop.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            eprintln!("chatserver: {} stays behind: {error}", self.path.display());
        }
    }
}

/// A child process that is killed when this is dropped.
pub(super) struct Process(Child);

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills the process without notice, as a crash does.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.0.kill().and_then(|()| self.0.wait()).context("the server cannot be killed")?;
        Ok(())
    }

    /// Sends a signal by its name for the `kill` program. The standard library can only kill.
    pub(super) fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status();
        if !status.context("kill cannot be run")?.success() {
            bail!("the server cannot be sent SIG{name}");
        }
        Ok(())
    }

    /// Prevents the process's files from growing, as a full disk does, or lets them grow again.
    #[cfg(target_os = "linux")]
    pub(super) fn fill_disk(&self, is_full: bool) -> Result<()> {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let id = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw);
        let limit = Rlimit { current: is_full.then_some(0), maximum: None };
        prlimit(id, Resource::Fsize, limit).context("the server's files cannot be limited")?;
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn fill_disk(&self, _: bool) -> Result<()> {
        bail!("on this system the server's files cannot be limited")
    }

    /// Stops the process cleanly and waits until it has ended.
    pub(super) async fn stop(&mut self) -> Result<()> {
        // A clean stop first: a server that was killed has more to do at its next start.
        if self.signal("TERM").is_err() {
            self.0.kill().context("the server cannot be stopped")?;
        }
        let ended = async {
            while self.0.try_wait()?.is_none() {
                tokio::time::sleep(POLL).await;
            }
            std::io::Result::Ok(())
        };
        tokio::time::timeout(PATIENCE, ended).await.context("the server does not stop")??;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Path of the database of a server that runs in this folder.
pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("chat.db")
}

/// Path of this program.
pub(super) fn own_program() -> Result<PathBuf> {
    std::env::current_exe().context("this program's own file is not known")
}

/// Starts a program, of this release or another, in a folder with these settings in its environment, and waits until it
/// is ready.
pub(super) async fn launch_with(
    program: &Path,
    folder: &Path,
    connections_per_user: usize,
    settings: &[(&str, String)],
) -> Result<(Process, ServerUrl)> {
    let (child, addresses) = start(program, folder, connections_per_user, settings).await?;
    Ok((child, ServerUrl::parse(&addresses.url)?))
}

/// Starts a server that also serves metrics, and waits until it is ready. The second URL is that of the metrics.
pub(super) async fn launch_watched(
    program: &Path,
    folder: &Path,
    connections_per_user: usize,
    settings: &[(&str, String)],
) -> Result<(Process, ServerUrl, ServerUrl)> {
    let mut settings = settings.to_vec();
    settings.push(("METRICS_ADDRESS", "127.0.0.1:0".into()));
    let (child, addresses) = start(program, folder, connections_per_user, &settings).await?;
    let metrics = addresses.metrics.as_deref().and_then(|url| url.strip_suffix("/metrics"));
    let metrics = metrics.context("the server does not say where its metrics are")?;
    Ok((child, ServerUrl::parse(&addresses.url)?, ServerUrl::parse(metrics)?))
}

/// The addresses that a server announced.
struct Addresses {
    url: String,
    metrics: Option<String>,
}

async fn start(
    program: &Path,
    folder: &Path,
    connections_per_user: usize,
    settings: &[(&str, String)],
) -> Result<(Process, Addresses)> {
    let mut command = Command::new(program);
    command
        .args(["serve", "--host", "127.0.0.1", "--port", "0", "--demo", "--log-level", "info"])
        .args(["--max-connections-per-user", &connections_per_user.to_string()])
        // The server is to be measured and not its limit for one client.
        .args(["--max-frames-per-second", &u32::MAX.to_string()])
        .arg("--database")
        .arg(database(folder))
        .arg("--log-file")
        .arg(folder.join("app.log"));
    // With settings of the user's own server, for instance from a `.env` file, this one would join that server's
    // cluster or use the same port.
    command
        .env("DATABASE_URL", "")
        .env("NATS_URL", "")
        .env("METRICS_ADDRESS", "")
        .env("JWT_EXPIRY_MINUTES", "1440")
        // Limits are checked as usual, but must never be reached.
        .env("LIMIT_FACTOR", "1000000")
        .envs(settings.iter().map(|(name, value)| (name, value)));
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child =
        Process(command.spawn().with_context(|| format!("{} cannot be started", program.display()))?);
    let stdout = child.0.stdout.take().context("the server has no output")?;
    let (ready, is_ready) = oneshot::channel();
    std::thread::spawn(move || follow(stdout, ready));
    let addresses =
        tokio::time::timeout(PATIENCE, is_ready).await.context("the server does not become ready")?;
    Ok((child, addresses.context("the server ended before it was ready")?))
}

/// Reads a server's log to its end, so that the server never waits for a reader, and reports where it listens.
fn follow(stdout: ChildStdout, ready: oneshot::Sender<Addresses>) {
    let mut ready = Some(ready);
    let mut metrics = None;
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        // The server announces its metrics before it is ready.
        metrics = metrics.or_else(|| announced(&line, "serving metrics"));
        match announced(&line, "ready") {
            Some(url) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(Addresses { url, metrics: metrics.clone() });
                }
            }
            None if ready.is_some() && is_error(&line) => eprintln!("{line}"),
            None => {}
        }
    }
}

fn field(line: &str, of: impl Fn(&serde_json::Value) -> Option<String>) -> Option<String> {
    of(&serde_json::from_str(line).ok()?)
}

/// The `url` of a log line with this message.
fn announced(line: &str, message: &str) -> Option<String> {
    field(line, |line| {
        let fields = line.get("fields")?;
        (fields.get("message")? == message).then(|| fields.get("url")?.as_str().map(str::to_owned))?
    })
}

fn is_error(line: &str) -> bool {
    field(line, |line| line.get("level")?.as_str().map(str::to_owned)).is_some_and(|level| level == "ERROR")
}

/// Resolves when this program is asked to end by Ctrl-C or SIGTERM.
pub(super) async fn interrupted() -> Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be awaited")?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            ended = tokio::signal::ctrl_c() => ended.context("Ctrl-C cannot be awaited"),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("Ctrl-C cannot be awaited")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_in_the_line_that_says_ready() {
        let line =
            r#"{"level":"INFO","fields":{"message":"ready","url":"http://127.0.0.1:4","database":"x"}}"#;
        assert_eq!(announced(line, "ready").as_deref(), Some("http://127.0.0.1:4"));
        let other = r#"{"level":"INFO","fields":{"message":"starting","url":"http://127.0.0.1:4"}}"#;
        assert_eq!(announced(other, "ready"), None);
        assert_eq!(announced("ready http://127.0.0.1:4", "ready"), None);
    }

    #[test]
    fn errors_of_a_server_that_cannot_start_are_recognized() {
        assert!(is_error(r#"{"level":"ERROR","fields":{"message":"cannot start"}}"#));
        assert!(!is_error(r#"{"level":"INFO","fields":{"message":"ERROR"}}"#));
    }
}
