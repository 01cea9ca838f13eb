//! `chatserver readers` beside a server that runs, or is stopped.

use std::process::Output;

use serde_json::Value;

use super::Setup;

/// The exit status that says that the reader has to reload.
pub const RELOAD: i32 = 3;

/// Runs the command on the server's data.
pub fn readers(setup: &Setup, args: &[&str]) -> Output {
    let mut command = setup.tool(&["readers"]);
    if let Some(url) = setup.database_url() {
        command.args(["--database-url", &url]);
    }
    command.args(args).output().unwrap()
}

/// What the command prints when it succeeds.
#[track_caller]
pub fn done(setup: &Setup, args: &[&str]) -> String {
    let output = readers(setup, args);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The changes after the reader's position, at most so many.
#[track_caller]
pub fn page(setup: &Setup, name: &str, limit: u16) -> Vec<Value> {
    let lines = done(setup, &["read", name, "--limit", &limit.to_string()]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The changes after the reader's position, which it acknowledges; not all of them while others write.
#[track_caller]
pub fn first_page(setup: &Setup, name: &str) -> Vec<Value> {
    let entries = page(setup, name, 1000);
    if let Some(last) = entries.last() {
        let up_to = last["position"].as_str().unwrap();
        assert_eq!(done(setup, &["ack", name, up_to]), format!("{name} is at {up_to}.\n"));
    }
    entries
}

/// Everything that the reader has not acknowledged, which it acknowledges page by page. Nobody may write meanwhile.
#[track_caller]
pub fn rest(setup: &Setup, name: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let entries = first_page(setup, name);
        if entries.is_empty() {
            return all;
        }
        all.extend(entries);
    }
}

/// The epoch and the place of an entry.
pub fn place(entry: &Value) -> (String, i64) {
    let (epoch, place) = entry["position"].as_str().unwrap().split_once('-').unwrap();
    (epoch.to_owned(), place.parse().unwrap())
}

/// That no place is missing or comes twice, and that all are of one log.
#[track_caller]
pub fn assert_whole(entries: &[Value]) {
    let (epoch, first) = place(&entries[0]);
    for (entry, wanted) in entries.iter().zip(first..) {
        assert_eq!(place(entry), (epoch.clone(), wanted));
    }
}

/// The ids of messages that were posted, in the order of the entries.
pub fn posted(entries: &[Value]) -> Vec<i64> {
    let created = entries.iter().filter(|entry| entry["kind"] == "message.created");
    created.map(|entry| entry["message"].as_i64().unwrap()).collect()
}
