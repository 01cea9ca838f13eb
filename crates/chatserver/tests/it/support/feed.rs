//! `chatserver readers`, beside a running server or a stopped one.

use std::process::Output;

use serde_json::Value;

use super::Setup;

/// Exit status: the reader has to reload.
pub const RELOAD: i32 = 3;

/// Runs the command on the server's data.
pub fn readers(setup: &Setup, args: &[&str]) -> Output {
    let mut command = setup.tool(&["readers"]);
    if let Some(url) = setup.database_url() {
        command.args(["--database-url", &url]);
    }
    command.args(args).output().unwrap()
}

/// Runs the command, which must succeed, and returns its output.
#[track_caller]
pub fn done(setup: &Setup, args: &[&str]) -> String {
    let output = readers(setup, args);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns at most `limit` changes after the reader's position.
#[track_caller]
pub fn page(setup: &Setup, name: &str, limit: u16) -> Vec<Value> {
    let lines = done(setup, &["read", name, "--limit", &limit.to_string()]);
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the next page after the reader's position and acknowledges it. There may be more while others write.
#[track_caller]
pub fn first_page(setup: &Setup, name: &str) -> Vec<Value> {
    let entries = page(setup, name, 1000);
    if let Some(last) = entries.last() {
        let up_to = last["position"].as_str().unwrap();
        assert_eq!(done(setup, &["ack", name, up_to]), format!("{name} is at {up_to}.\n"));
    }
    entries
}

/// Returns everything that the reader has not acknowledged, and acknowledges it page by page. Nobody may write
/// meanwhile.
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

/// Returns the epoch and the log position of an entry.
pub fn position_of(entry: &Value) -> (String, i64) {
    let (epoch, position_of) = entry["position"].as_str().unwrap().split_once('-').unwrap();
    (epoch.to_owned(), position_of.parse().unwrap())
}

/// Checks that no log position is missing or doubled, and that all are of one epoch.
#[track_caller]
pub fn assert_whole(entries: &[Value]) {
    let (epoch, first) = position_of(&entries[0]);
    for (entry, wanted) in entries.iter().zip(first..) {
        assert_eq!(position_of(entry), (epoch.clone(), wanted));
    }
}

/// Returns the ids of posted messages, in the order of the entries.
pub fn posted(entries: &[Value]) -> Vec<i64> {
    let created = entries.iter().filter(|entry| entry["kind"] == "message.created");
    created.map(|entry| entry["message"].as_i64().unwrap()).collect()
}
