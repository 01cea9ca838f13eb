//! The engines are real servers: they start, crash with their data, come back on the same port, hang, and
//! leave nothing behind.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute; here are helpers too")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use chat_engines::{Nats, Postgres, shared};

const TIMEOUT: Duration = Duration::from_secs(20);
/// Time that a paused server gets to show that it is not paused.
const SILENT_TIME: Duration = Duration::from_millis(300);

fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {TIMEOUT:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A NATS client that has introduced itself.
struct Client {
    lines: BufReader<TcpStream>,
}

impl Client {
    fn connect(nats: &Nats) -> Self {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, nats.port())).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        socket.write_all(b"CONNECT {\"verbose\":false}\r\n").unwrap();
        let mut client = Self { lines: BufReader::new(socket) };
        assert!(client.line().starts_with("INFO "));
        client
    }

    fn send(&mut self, line: &str) {
        self.lines.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }

    /// Returns the next line; empty at the end of the connection.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}

#[test]
fn postgres_keeps_what_is_committed_over_a_crash() {
    let mut postgres = Postgres::start().unwrap();
    let port = postgres.port();
    postgres.create_database("chat").unwrap();
    let databases = postgres.databases().clone();
    databases.execute("chat", "CREATE TABLE words (word text); INSERT INTO words VALUES ('Grüße')").unwrap();
    assert_eq!(databases.execute("chat", "SHOW fsync").unwrap(), "on");
    postgres.crash().unwrap();
    assert!(!is_open(port));
    assert!(databases.execute("chat", "SELECT 1").is_err());
    assert!(postgres.crash().is_err(), "it is down already");
    postgres.start_again().unwrap();
    assert_eq!(postgres.port(), port);
    assert_eq!(databases.execute("chat", "SELECT word, length(word) FROM words").unwrap(), "Grüße|5");
    let log = std::fs::read_to_string(postgres.log()).unwrap();
    assert!(log.contains("automatic recovery in progress"), "it was a crash: {log}");
}

#[test]
fn postgres_does_nothing_while_it_is_paused() {
    let mut postgres = Postgres::start().unwrap();
    let databases = postgres.databases().clone();
    // A connection from before the pause, which a server process of its own serves.
    let mut command = Command::new(postgres.programs().join("psql"));
    command.args(["--no-psqlrc", "-qAt", &postgres.url("postgres")]);
    let mut client = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut ask, answers) = (client.stdin.take().unwrap(), client.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(answers).lines() {
            sender.send(line.unwrap()).unwrap();
        }
    });
    ask.write_all(b"SELECT 1;\n").unwrap();
    assert_eq!(lines.recv_timeout(TIMEOUT).unwrap(), "1");

    postgres.pause().unwrap();
    ask.write_all(b"SELECT 2;\n").unwrap();
    let newcomer = std::thread::spawn(move || databases.execute("postgres", "SELECT 3").unwrap());
    assert_eq!(lines.recv_timeout(SILENT_TIME), Err(RecvTimeoutError::Timeout));
    assert!(!newcomer.is_finished());
    postgres.resume().unwrap();
    assert_eq!(lines.recv_timeout(TIMEOUT).unwrap(), "2");
    assert_eq!(newcomer.join().unwrap(), "3");
    drop(ask);
    client.wait().unwrap();
}

#[test]
fn a_paused_server_can_be_crashed_and_dropped() {
    let (mut postgres, mut nats) = (Postgres::start().unwrap(), Nats::start().unwrap());
    postgres.pause().unwrap();
    postgres.crash().unwrap();
    postgres.start_again().unwrap();
    postgres.pause().unwrap();
    nats.pause().unwrap();
    let ports = [postgres.port(), nats.port()];
    drop((postgres, nats));
    assert_eq!(ports.map(is_open), [false, false]);
}

#[test]
fn two_at_a_time_do_not_disturb_each_other() {
    let both: Vec<_> = (0..2).map(|_| std::thread::spawn(|| Postgres::start().unwrap())).collect();
    let mut both: Vec<_> = both.into_iter().map(|it| it.join().unwrap()).collect();
    let mut second = both.pop().unwrap();
    let first = both.pop().unwrap();
    assert_ne!(first.port(), second.port());
    first.create_database("chat").unwrap();
    first.create_database_from("copy", "chat").unwrap();
    assert!(second.databases().execute("chat", "SELECT 1").is_err());
    second.crash().unwrap();
    assert_eq!(first.databases().execute("copy", "SELECT 1").unwrap(), "1");
    first.drop_database("copy").unwrap();
    first.drop_database("copy").unwrap();
    assert!(first.databases().execute("copy", "SELECT 1").is_err());
    let (one, other) = (Nats::start().unwrap(), Nats::start().unwrap());
    assert_ne!(one.url(), other.url());
}

#[test]
fn nats_is_killed_and_comes_back_and_hangs() {
    let mut nats = Nats::start().unwrap();
    let port = nats.port();
    let mut client = Client::connect(&nats);
    client.send("PING");
    assert_eq!(client.line(), "PONG");
    nats.kill().unwrap();
    assert_eq!(client.line(), "", "its connections end with it");
    assert!(!is_open(port));
    nats.start_again().unwrap();
    assert_eq!(nats.port(), port);
    let mut client = Client::connect(&nats);
    nats.pause().unwrap();
    client.send("PING");
    client.lines.get_ref().set_read_timeout(Some(SILENT_TIME)).unwrap();
    assert!(client.lines.read(&mut [0]).is_err(), "it answers");
    nats.resume().unwrap();
    client.lines.get_ref().set_read_timeout(Some(TIMEOUT)).unwrap();
    assert_eq!(client.line(), "PONG");
}

#[test]
fn nothing_stays_behind_even_after_a_panic() {
    let (postgres, nats) = (Postgres::start().unwrap(), Nats::start().unwrap());
    let folders = [postgres.log(), nats.log()].map(|log| log.parent().unwrap().to_owned());
    let ports = [postgres.port(), nats.port()];
    assert!(folders.iter().all(|folder| folder.exists()) && ports.into_iter().all(is_open));
    let panicked = std::thread::spawn(move || {
        let _both = (postgres, nats);
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(!folders.iter().any(|folder| folder.exists()) && !ports.into_iter().any(is_open));
}

fn run(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engines"));
    command.args(["run", "--", "sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

const PRINT_URLS: &str = "echo $CHATSERVER_TEST_POSTGRES; echo $CHATSERVER_TEST_NATS;";

/// Returns the ports in the URLs that a command has printed.
fn ports_in(output: &str) -> Vec<u16> {
    let ports = output.split(':').filter_map(|part| {
        part.split(|letter: char| !letter.is_ascii_digit()).next().filter(|digits| !digits.is_empty())
    });
    ports.map(|port| port.parse().unwrap()).collect()
}

#[test]
fn a_command_finds_engines_and_ends_them_with_its_own_code() {
    let output = run(&format!("{PRINT_URLS} exit 7")).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = printed.lines().collect();
    assert!(lines[0].starts_with("postgres://postgres@127.0.0.1:"), "{printed}");
    assert!(lines[1].starts_with("nats://127.0.0.1:"), "{printed}");
    let ports = ports_in(&printed);
    assert_eq!(ports.len(), 2, "{printed}");
    assert!(!ports.into_iter().any(is_open));
    let without_command = Command::new(env!("CARGO_BIN_EXE_engines")).arg("run").output().unwrap();
    assert_eq!(without_command.status.code(), Some(2));
}

/// A killed process drops nothing, so another process must clean up.
#[test]
fn engines_do_not_outlive_a_killed_user() {
    let temporary = tempfile::tempdir_in("/tmp").unwrap();
    // Every user may pass through this folder, also the one as which PostgreSQL runs for the superuser.
    let folder: PathBuf = temporary.path().join("open");
    std::fs::create_dir(&folder).unwrap();
    for folder in [temporary.path(), &folder] {
        std::fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let mut command = run(&format!("{PRINT_URLS} kill -9 $PPID"));
    let output = command.env("TMPDIR", &folder).output().unwrap();
    assert!(!output.status.success());
    let ports = ports_in(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(ports.len(), 2);
    eventually("the engines are gone", || !ports.iter().any(|port| is_open(*port)));
    eventually("the folders are gone", || std::fs::read_dir(&folder).unwrap().count() == 0);
}

#[test]
fn shared_engines_give_each_test_its_own_database() {
    let (one, other) = (shared().database().unwrap(), shared().database().unwrap());
    one.execute("CREATE TABLE mine (id int)").unwrap();
    assert!(other.execute("SELECT * FROM mine").is_err());
    let name = one.name().to_owned();
    let count = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(other.execute(&count).unwrap(), "1");
    drop(one);
    assert_eq!(other.execute(&count).unwrap(), "0");
    assert!(shared().nats_url().unwrap().starts_with("nats://"));
}
