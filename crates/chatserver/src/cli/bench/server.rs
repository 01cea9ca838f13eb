//! The server under test: one that is already there, or one that is started for the measurement in a folder of its
//! own and leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;
use tokio::sync::oneshot;

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);
/// A server that ends in order is looked at this often.
const LOOK: Duration = Duration::from_millis(10);

/// The server that is measured.
pub(super) struct Server {
    url: ServerUrl,
    pid: Option<u32>,
    own: Option<Own>,
}

struct Own {
    child: Process,
    folder: Folder,
    connections_per_user: usize,
}

impl Server {
    /// A server that somebody else has started.
    pub(super) fn running(url: &str, pid: Option<u32>) -> Result<Self> {
        Ok(Self { url: ServerUrl::parse(url)?, pid, own: None })
    }

    /// Starts one in a fresh folder below the working folder, so that it writes to the disk that is meant.
    pub(super) async fn start(connections_per_user: usize) -> Result<Self> {
        let folder = Folder::create()?;
        let (child, url) = launch(&folder.0, connections_per_user).await?;
        Ok(Self { url, pid: Some(child.0.id()), own: Some(Own { child, folder, connections_per_user }) })
    }

    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// A folder on the disk that an own server writes to; for another's it is the working folder.
    pub(super) fn folder(&self) -> &Path {
        self.own.as_ref().map_or(Path::new("."), |own| &own.folder.0)
    }

    /// Stops an own server in order. It can be started again with [`Server::resume`].
    pub(super) async fn stop(&mut self) -> Result<()> {
        let Some(own) = &mut self.own else { bail!("only a server of its own can be stopped") };
        own.child.stop().await
    }

    /// Starts a stopped server on the same data, at a new address.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let Some(own) = &mut self.own else { bail!("only a server of its own can be started") };
        let (child, url) = launch(&own.folder.0, own.connections_per_user).await?;
        (self.pid, self.url) = (Some(child.0.id()), url);
        own.child = child;
        Ok(())
    }
}

/// A folder that is removed with all that is in it when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Result<Self> {
        let here = std::env::current_dir().context("there is no working folder")?;
        let path = here.join(format!("chatserver-bench-{}", std::process::id()));
        std::fs::create_dir(&path).with_context(|| format!("{} cannot be created", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("chatserver: {} stays behind: {error}", self.0.display());
        }
    }
}

/// A child that does not outlive this.
struct Process(Child);

impl Process {
    async fn stop(&mut self) -> Result<()> {
        let pid = self.0.id().to_string();
        // The standard library can only kill, and a server that was killed has more to do at its next start.
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        if !asked.is_ok_and(|status| status.success()) {
            self.0.kill().context("the server cannot be stopped")?;
        }
        let ended = async {
            while self.0.try_wait()?.is_none() {
                tokio::time::sleep(LOOK).await;
            }
            std::io::Result::Ok(())
        };
        tokio::time::timeout(PATIENCE, ended).await.context("the server does not stop")??;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn launch(folder: &Path, connections_per_user: usize) -> Result<(Process, ServerUrl)> {
    let program = std::env::current_exe().context("this program's own file is not known")?;
    let mut command = Command::new(program);
    command
        .args(["serve", "--host", "127.0.0.1", "--port", "0", "--demo", "--log-level", "info"])
        .args(["--jwt-expiry-minutes", "1440"])
        .args(["--max-connections-per-user", &connections_per_user.to_string()])
        .arg("--database")
        .arg(folder.join("bench.db"))
        .arg("--log-file")
        .arg(folder.join("app.log"));
    // A setting of the person's own server, for instance in a `.env` file, would keep this one from starting.
    command.env("DATABASE_URL", "").current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = Process(command.spawn().context("the server cannot be started")?);
    let stdout = child.0.stdout.take().context("the server has no output")?;
    let (ready, is_ready) = oneshot::channel();
    std::thread::spawn(move || follow(stdout, ready));
    let url = tokio::time::timeout(PATIENCE, is_ready).await.context("the server does not become ready")?;
    let url = url.context("the server ended before it was ready")?;
    Ok((child, ServerUrl::parse(&url)?))
}

/// Reads a server's log to its end, so that the server never waits for a reader, and reports where it listens.
fn follow(stdout: ChildStdout, ready: oneshot::Sender<String>) {
    let mut ready = Some(ready);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        match ready_url(&line) {
            Some(url) => {
                if let Some(ready) = ready.take() {
                    let _ = ready.send(url);
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

/// The address in the log line that says that the server is ready.
fn ready_url(line: &str) -> Option<String> {
    field(line, |line| {
        let fields = line.get("fields")?;
        (fields.get("message")? == "ready").then(|| fields.get("url")?.as_str().map(str::to_owned))?
    })
}

fn is_error(line: &str) -> bool {
    field(line, |line| line.get("level")?.as_str().map(str::to_owned)).is_some_and(|level| level == "ERROR")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_in_the_line_that_says_ready() {
        let line =
            r#"{"level":"INFO","fields":{"message":"ready","url":"http://127.0.0.1:4","database":"x"}}"#;
        assert_eq!(ready_url(line).as_deref(), Some("http://127.0.0.1:4"));
        let other = r#"{"level":"INFO","fields":{"message":"starting","url":"http://127.0.0.1:4"}}"#;
        assert_eq!(ready_url(other), None);
        assert_eq!(ready_url("ready http://127.0.0.1:4"), None);
    }

    #[test]
    fn errors_of_a_server_that_cannot_start_are_recognised() {
        assert!(is_error(r#"{"level":"ERROR","fields":{"message":"cannot start"}}"#));
        assert!(!is_error(r#"{"level":"INFO","fields":{"message":"ERROR"}}"#));
    }
}
