//! `send`, `tail`, `login` and `logout`, as scripts call them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::full_screen::at_a_fixed_port;
use super::tmux::TmuxServer;
use crate::support::people::PASSWORD;
use crate::support::{Request, Server, Setup, eventually};

/// Returns a command of the binary with this home folder.
fn client(home: &std::path::Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.env_clear().env("HOME", home).current_dir(home).args(args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

fn run(home: &std::path::Path, args: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = client(home, args).output().unwrap();
    (status.code(), text(&stdout), text(&stderr))
}

#[tokio::test]
async fn send_prints_the_number_of_the_message_and_makes_one() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (tom, jerry) = server.tom_and_jerry().await;
    let group = tom.group("Cheese lovers", &[&jerry]).await;
    let url = server.url();
    let send = |to: &str, rest: &[&str]| {
        let args: Vec<_> =
            ["send", "--url", &url, "--as", "tom", "--to", to].iter().chain(rest).copied().collect();
        run(home.path(), &args)
    };
    let (status, id, _) = send("jerry", &["Is there cheese?"]);
    assert_eq!(status, Some(0));
    assert_eq!(tom.message(&json!(id.parse::<i64>().unwrap())).await["content"], "Is there cheese?");
    for to in ["#cheese lovers", "Cheese Lovers", &format!("#{group}")] {
        let (status, id, errors) = send(to, &["to all"]);
        assert_eq!(status, Some(0), "{errors}");
        assert_eq!(tom.message(&json!(id.parse::<i64>().unwrap())).await["group_id"], group);
    }
    let (first, again) = (send("jerry", &["once", "--key", "k"]), send("jerry", &["once", "--key", "k"]));
    assert_eq!(first, again);
}

/// Keyboards and systems write one name in several forms.
#[tokio::test]
async fn a_name_is_understood_in_whatever_form_it_was_typed() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let zoe = server.register("Zo\u{eb} \u{d6}zil").await;
    let url = server.url();
    let send = |own: &str, to: &str| {
        let password = if own == "tom" { "password123" } else { PASSWORD };
        let args =
            ["send", "--url", &url, "--as", own, "--password", password, "--to", to, "Is there cheese?"];
        run(home.path(), &args)
    };
    for to in ["zoe\u{308} o\u{308}zil", "ZO\u{cb}  \u{d6}ZIL", "\u{ff3a}\u{ff4f}\u{eb} \u{d6}zil"] {
        let (status, id, errors) = send("tom", to);
        assert_eq!(status, Some(0), "{to:?}: {errors}");
        assert_eq!(zoe.message(&json!(id.parse::<i64>().unwrap())).await["recipient_id"], zoe.id);
    }
    let (status, _, errors) = send("zoe\u{308} o\u{308}zil", "\u{ff34}\u{ff4f}\u{ff4d}");
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(send("tom", "zoe \u{f6}zil").0, Some(1), "an accent makes another name");
}

/// Strangers have two wrong passwords, and have used them up.
#[tokio::test]
async fn who_logged_in_here_before_gets_in_though_strangers_guess() {
    let setup = Setup::new().on_one_node("each node counts for itself").env("LIMIT_FACTOR", "1");
    let server = setup.env("LIMIT_LOGIN", "1/h:2").start();
    server.register("spike").await;
    let (known, unknown) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let url = server.url();
    let login =
        |home: &TempDir| run(home.path(), &["login", "--url", &url, "--as", "spike", "--password", PASSWORD]);
    assert_eq!(login(&known).0, Some(0));
    let wrong = json!({"username": "spike", "password": "a wrong one"});
    for _ in 0..2 {
        server.send(Request::post("/v1/users/login", &wrong)).await.refused(401, "wrong_credentials");
    }
    let (status, _, errors) = login(&unknown);
    assert!(status == Some(1) && errors.contains("wrong passwords"), "{status:?}: {errors}");
    let (status, _, errors) = login(&known);
    assert_eq!(status, Some(0), "{errors}");
}

/// A `.env` in a folder that another user has filled sets neither the server nor the user nor the trusted authorities.
#[tokio::test]
async fn a_foreign_folder_has_no_say_in_where_a_password_goes() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    foreign.set_nonblocking(true).unwrap();
    let lines = format!(
        "CHATSERVER_URL=http://{}\nCHATSERVER_TOKEN=theirs\nCHATSERVER_CA=/nowhere\nXDG_CONFIG_HOME=/nowhere\n",
        foreign.local_addr().unwrap()
    );
    std::fs::write(folder.path().join(".env"), lines).unwrap();
    let spike = server.register("spike").await;
    let url = server.url();
    let send = ["send", "--as", "spike", "--to", "tom", "to the right user"];
    let output = client(folder.path(), &send)
        .envs([("CHATSERVER_URL", url.as_str()), ("CHATSERVER_PASSWORD", PASSWORD)])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    // Without a setting, the server is the default one on this machine. There is no login to end, so no request is
    // sent.
    let output = client(folder.path(), &["logout", "--as", "spike"]).output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let theirs = foreign.local_addr().unwrap().to_string();
    assert!(said.contains("127.0.0.1:8080") && !said.contains(&theirs), "{said}");
    let nobody = foreign.accept();
    assert!(nobody.is_err(), "{nobody:?}");
    let said = spike.get("/v1/chats").await.expect(200);
    assert_eq!(said[0]["content"], "to the right user");
    // A `.env` that cannot be read does not keep a client from running.
    std::fs::write(folder.path().join(".env"), "'").unwrap();
    let output =
        client(folder.path(), &["send", "--url", &url, "--as", "tom", "--to", "jerry", "hi"]).output();
    assert_eq!(output.unwrap().status.code(), Some(0));
}

#[test]
fn a_password_goes_to_no_other_machine_in_the_clear() {
    let home = tempfile::tempdir().unwrap();
    // An address for documentation (RFC 5737), which no machine has.
    let url = "http://192.0.2.1:8080";
    for rest in [
        &["send", "--to", "jerry", "hi"][..],
        &["chat", "--plain"],
        &["tail"],
        &["login"],
        &["logout"],
        &["send", "--token", "x", "--to", "jerry", "hi"],
    ] {
        let (status, _, errors) = run(home.path(), &[rest, &["--url", url, "--as", "spike"]].concat());
        assert_eq!(status, Some(2), "{rest:?}: {errors}");
        assert!(errors.contains("https://") && errors.contains("--insecure"), "{errors}");
    }
    // With `--insecure` it is allowed. That there is no such login is found out on this machine alone.
    let (status, _, errors) = run(home.path(), &["logout", "--url", url, "--as", "spike", "--insecure"]);
    assert!(status != Some(2) && !errors.contains("--insecure"), "{status:?} {errors}");
}

#[tokio::test]
async fn send_reads_standard_input_as_it_is() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let url = server.url();
    let tom = server.login("tom").await;
    for dash in [&["-"][..], &[]] {
        let args = [&["send", "--url", &url, "--as", "tom", "--to", "jerry"], dash].concat();
        let mut child = client(home.path(), &args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all("two\nlines 漢\n".as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let id = text(&output.stdout).parse::<i64>().unwrap();
        assert_eq!(tom.message(&json!(id)).await["content"], "two\nlines 漢");
    }
}

#[test]
fn the_exit_status_says_what_went_wrong() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let url = server.url();
    let status = |args: &[&str]| run(home.path(), args).0;
    assert_eq!(status(&["send", "--url", &url, "--as", "tom", "--to", "nobody", "hi"]), Some(1));
    assert_eq!(status(&["send", "--url", &url, "--as", "tom", "--to", "jerry", ""]), Some(1));
    assert_eq!(status(&["send", "--url", &url, "--as", "tom", "hi"]), Some(2));
    assert_eq!(status(&["send", "--url", &url, "--to", "jerry", "hi"]), Some(2));
    assert_eq!(status(&["send", "--url", "ftp://x", "--as", "tom", "--to", "jerry", "hi"]), Some(2));
    let errors = |args: &[&str]| run(home.path(), args).2;
    let nobody = ["send", "--url", &url, "--as", "spike", "--to", "jerry", "hi"];
    assert_eq!(status(&nobody), Some(2));
    assert!(errors(&nobody).contains("CHATSERVER_PASSWORD"));
    assert!(errors(&["send", "--url", &url, "--as", "tom", "--to", "jerry"]).contains("empty"));
    let encrypted = url.replace("http:", "https:");
    assert!(errors(&["send", "--url", &encrypted, "--as", "tom", "--to", "jerry", "hi"]).contains("http://"));
    assert_eq!(
        status(&["send", "--url", "http://127.0.0.1:1", "--as", "tom", "--to", "jerry", "hi"]),
        Some(69)
    );
    let wrong = ["send", "--url", &url, "--as", "tom", "--password", "wrong", "--to", "jerry", "hi"];
    assert_eq!(status(&wrong), Some(77));
}

struct Tail(Child);

impl Tail {
    fn start(home: &std::path::Path, args: &[&str]) -> Self {
        Self(client(home, args).spawn().unwrap())
    }

    /// Interrupts it and returns what it printed.
    fn end(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        let mut printed = String::new();
        std::io::Read::read_to_string(&mut self.0.stdout.take().unwrap(), &mut printed).unwrap();
        (self.0.wait().unwrap().code(), printed)
    }

    fn until(&mut self, mut is_so: impl FnMut(&str) -> bool) -> Vec<String> {
        let mut lines = Vec::new();
        let mut output = BufReader::new(self.0.stdout.as_mut().unwrap());
        loop {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "it ended after {lines:?}");
            lines.push(line.trim_end().to_owned());
            if is_so(&line) {
                return lines;
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn tail_prints_each_event_and_resumes_where_one_was() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let (tom, jerry) = server.tom_and_jerry().await;
    let url = server.url();
    let tail = ["tail", "--json", "--url", &url, "--as", "jerry"];
    let mut first = Tail::start(home.path(), &tail);
    let lines = first.until(|line| line.contains("\"live\""));
    let live: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    tom.write(&jerry, "one \u{1b}[2J").await;
    let lines = first.until(|line| line.contains("\"message\""));
    assert!(!lines.iter().any(|line| line.chars().any(char::is_control)), "{lines:?}");
    let event: Value = serde_json::from_str(lines.last().unwrap()).unwrap();
    assert_eq!(event["message"]["content"], "one \u{1b}[2J");
    assert_eq!(first.end().0, Some(0));
    tom.write(&jerry, "two").await;
    let cursor = live["cursor"].as_str().unwrap();
    let mut second = Tail::start(home.path(), &[&tail[..], &["--from", cursor]].concat());
    let lines = second.until(|line| line.contains("\"live\""));
    let contents: Vec<_> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["type"] == "message")
        .map(|event| event["message"]["content"].clone())
        .collect();
    assert_eq!(contents, ["one \u{1b}[2J", "two"]);
    // `tail` only listens and confirms nothing.
    assert_eq!(tom.status_of(&jerry, &event["message"]["id"]).await, "PENDING");
    let mut plain = Tail::start(home.path(), &["tail", "--url", &url, "--as", "jerry", "--from", cursor]);
    let lines = plain.until(|line| line.contains("two"));
    assert!(lines.last().unwrap().ends_with("tom → jerry: two"), "{lines:?}");
}

/// A closed pipe is noticed even if nothing happens.
#[tokio::test]
async fn tail_ends_when_nobody_reads_it() {
    let (server, home) = (Server::start(), tempfile::tempdir().unwrap());
    let url = server.url();
    let mut tail = Tail::start(home.path(), &["tail", "--json", "--url", &url, "--as", "jerry"]);
    tail.until(|line| line.contains("\"live\""));
    drop(tail.0.stdout.take());
    eventually(20, "it ends", async || tail.0.try_wait().unwrap().is_some()).await;
    let status = tail.0.wait().unwrap().code();
    let mut errors = String::new();
    std::io::Read::read_to_string(&mut tail.0.stderr.take().unwrap(), &mut errors).unwrap();
    assert_eq!((status, errors.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn tail_goes_on_after_a_break_and_prints_nothing_twice() {
    let home = tempfile::tempdir().unwrap();
    let mut server = at_a_fixed_port().start();
    let url = server.url();
    let mut tail = Tail::start(home.path(), &["tail", "--json", "--url", &url, "--as", "jerry"]);
    let mut lines = tail.until(|line| line.contains("\"live\""));
    let send = |text: &str| run(home.path(), &["send", "--url", &url, "--as", "tom", "--to", "jerry", text]);
    assert_eq!(send("before").0, Some(0));
    lines.extend(tail.until(|line| line.contains("\"before\"")));
    server.kill();
    let server = server.setup.clone().start();
    assert_eq!(send("meanwhile").0, Some(0));
    lines.extend(tail.until(|line| line.contains("\"meanwhile\"")));
    assert_eq!(send("after").0, Some(0));
    lines.extend(tail.until(|line| line.contains("\"after\"")));
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let created = events.filter(|event| event["type"] == "message" && event["event"] == "created");
    let contents: Vec<_> = created.map(|event| event["message"]["content"].clone()).collect();
    assert_eq!(contents, ["before", "meanwhile", "after"]);
    drop(server);
}

#[tokio::test]
async fn a_login_is_kept_for_its_owner_alone_until_it_is_ended() {
    use std::os::unix::fs::PermissionsExt;
    let (server, tmux) = (Server::start(), TmuxServer::new());
    server.register("spike").await;
    let url = server.url();
    let binary = env!("CARGO_BIN_EXE_chatserver");
    let screen = tmux.run("spike", (80, 24), &format!("{binary} login --url {url}"));
    screen.shows("User name:");
    screen.says("spike");
    screen.shows("Password of spike:");
    screen.says(PASSWORD);
    let shown = screen.shows("status=0");
    assert!(!shown.contains(PASSWORD), "{shown}");
    let file = tmux.home().join(".config/chatserver/credentials.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(!kept.contains(PASSWORD));
    let token = serde_json::from_str::<Value>(&kept).unwrap()[0]["token"].as_str().unwrap().to_owned();
    // From now on no password is asked for.
    let send = ["send", "--url", &url, "--to", "tom", "hi"];
    assert_eq!(run(tmux.home(), &send).0, Some(0));
    // A file that others can read is not trusted.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (status, _, errors) = run(tmux.home(), &send);
    assert!(status == Some(2) && errors.contains("chmod 600"), "{errors}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run(tmux.home(), &["logout", "--url", &url]).0, Some(0));
    assert!(!file.exists());
    let spike = crate::support::User::with_token(&server, 3, &token);
    eventually(10, "the token is refused", async || spike.get("/v1/test-auth").await.status == 401).await;
    assert_eq!(run(tmux.home(), &send).0, Some(2));
}

/// A backup would make the terminal unusable.
#[test]
fn a_backup_is_not_written_to_a_terminal() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let database = server.setup.database();
    let command = format!("{} backup - --database {}", env!("CARGO_BIN_EXE_chatserver"), database.display());
    let screen = tmux.run("backup", (100, 24), &command);
    screen.shows("cannot write a backup to a terminal");
    screen.shows("status=1");
}
