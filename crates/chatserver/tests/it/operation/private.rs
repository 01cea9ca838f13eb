//! Files that the server writes are readable by its own user alone. A warning at the start names those that others can
//! read.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::people::p2p;
use crate::support::{Server, Setup, eventually};

/// Returns the files and folders below a folder, with their modes.
fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push((path.clone(), path.metadata().unwrap().permissions().mode() & 0o777));
        if path.is_dir() {
            found.extend(modes(&path));
        }
    }
    found
}

fn allow(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Returns the warnings that the server has logged.
fn warnings(server: &Server) -> Vec<String> {
    let printed = server.printed();
    let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let warnings = lines.filter(|line| line["level"] == "WARN");
    warnings.filter_map(|line| line["fields"]["message"].as_str().map(str::to_owned)).collect()
}

/// Starts it from a shell with a umask that allows everything.
fn careless() -> Setup {
    Setup::new().through(&["sh", "-c", "umask 0; exec \"$0\" \"$@\""])
}

#[tokio::test]
async fn everything_that_is_made_is_for_the_owner_alone() {
    let setup = careless().arg("--log-file").arg("deep/logs/app.log");
    let server = setup.start();
    let (tom, jerry) = server.tom_and_jerry().await;
    tom.write(&jerry, "cheese").await;
    eventually(10, "the index", async || setup.path("chatserver.db-search").exists()).await;
    let found = modes(&setup.path(""));
    let names: Vec<_> = found.iter().map(|(path, _)| path.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["chatserver.db", "chatserver.db-wal", "chatserver.db-shm", "chatserver.db.lock"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for name in ["chatserver.db.jwt-secret", "chatserver.db-search", "deep", "logs", "app.log"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for (path, mode) in found {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{}", path.display());
    }
    assert!(!warnings(&server).iter().any(|line| line.contains("chmod")), "{}", server.printed());
    assert_eq!(tom.get(&p2p(jerry.id)).await.status, 405, "it serves");
}

#[test]
fn logins_of_the_terminal_client_are_for_the_owner_alone() {
    let server = Server::start();
    let shell = "umask 0; exec \"$0\" login --as tom --url \"$1\"";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", shell, env!("CARGO_BIN_EXE_chatserver"), &server.url()]);
    command.env("CHATSERVER_PASSWORD", "password123").env("XDG_CONFIG_HOME", server.setup.path("config"));
    let output = command.env("HOME", server.setup.path("home")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let kept = modes(&server.setup.path("config"));
    assert!(kept.iter().any(|(path, _)| path.is_file()), "{kept:?}");
    for (path, mode) in kept {
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn files_that_others_can_read_are_logged_with_what_to_do() {
    let mut server = Server::start();
    server.stop();
    let setup = server.setup.clone();
    let open = [
        ("chatserver.db", 0o644),
        ("chatserver.db.jwt-secret", 0o640),
        ("chatserver.db.backup-1700000000", 0o604),
        ("by-hand.db", 0o644),
        ("by-hand.db.jwt-secret", 0o622),
        ("logs/app.log", 0o644),
        ("logs/app.log.1", 0o644),
    ];
    let private = [("chatserver.db-search", 0o600), ("chatserver.db.lock", 0o644), ("others.txt", 0o644)];
    for (name, mode) in open.into_iter().chain(private) {
        if !setup.path(name).exists() {
            std::fs::write(setup.path(name), "x").unwrap();
        }
        allow(&setup.path(name), mode);
    }
    let mut server = setup.start();
    let logged = warnings(&server);
    let [line] = &logged[..] else { panic!("one line: {logged:?}") };
    let (_, files) = line.split_once("run: chmod go= ").unwrap();
    let mut named: Vec<_> = files.split(' ').map(|file| file.trim_start_matches("./")).collect();
    named.sort_unstable();
    // SQLite's files get the same mode as the database.
    let mut expected = open.map(|(name, _)| name).to_vec();
    expected.extend(["chatserver.db-shm", "chatserver.db-wal"]);
    expected.sort_unstable();
    assert_eq!(named, expected);
    assert_eq!(server.get("/readyz").await.status, 200, "it serves all the same");
    // The advice in the line is sufficient.
    let done = std::process::Command::new("sh")
        .args(["-c", &format!("chmod go= {files}")])
        .current_dir(setup.path(""))
        .status();
    assert!(done.unwrap().success());
    server.stop();
    let server = setup.start();
    assert!(warnings(&server).is_empty(), "{:?}", warnings(&server));
}

#[tokio::test]
async fn a_weak_key_is_logged_and_accepted() {
    let weak = "0123456789".repeat(4);
    let server = Setup::new().env("JWT_SECRET", &weak).start();
    let logged = warnings(&server);
    assert!(matches!(&logged[..], [line] if line.contains("JWT_SECRET is weak")), "{logged:?}");
    assert!(!server.printed().contains(&weak));
    let good = "9vK2mQ7xT4bN8wR1yC5zH3jL6pF0sD2g";
    assert!(warnings(&Setup::new().env("JWT_SECRET", good).start()).is_empty());
}
