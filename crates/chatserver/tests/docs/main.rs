//! Runs the commands that README.md and examples/ show, and compares their output with the documents'. CONTRIBUTING.md
//! explains the marks that documents use for this. The terminal client is tested by the same means. Needs bash, curl
//! and jq; nothing leaves this machine.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "says which commands were not run, and why")]

mod chat_tests;
mod compare;
mod markdown;
mod runner;
mod runner_tests;
mod terminal;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use runner::Options;

/// Documents to run, each by a test below.
const DOCUMENTS: [&str; 6] = [
    "README.md",
    "examples/example_local_chat.md",
    "examples/example_api_usage.md",
    "examples/example_group_chat.md",
    "examples/example_ws_chat.md",
    "examples/example_v2_stream.md",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn check(document: &str) {
    match runner::run(&read(document), Options::default()) {
        Ok(report) => {
            println!("{document}: {} commands run", report.n_run);
            for (line, reason) in &report.not_run {
                println!("{document}:{line}: not run: {reason}");
            }
        }
        Err(failure) => panic!("{document}:{failure}"),
    }
}

#[test]
fn readme() {
    check(DOCUMENTS[0]);
}

#[test]
fn local_chat() {
    check(DOCUMENTS[1]);
}

#[test]
fn api_usage() {
    check(DOCUMENTS[2]);
}

#[test]
fn group_chat() {
    check(DOCUMENTS[3]);
}

#[test]
fn ws_chat() {
    check(DOCUMENTS[4]);
}

#[test]
fn v2_stream() {
    check(DOCUMENTS[5]);
}

#[test]
fn every_example_is_among_the_documents() {
    let files = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = files.map(|name| format!("examples/{}", name.to_str().unwrap()));
    let markdown: BTreeSet<_> = names.filter(|name| name.ends_with(".md")).collect();
    let known: BTreeSet<_> = DOCUMENTS[1..].iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(markdown, known);
}

#[test]
fn few_commands_are_left_out() {
    let mut n_left_out = 0;
    for document in DOCUMENTS {
        let steps = markdown::steps(&read(document)).unwrap_or_else(|error| panic!("{document}:{error}"));
        n_left_out +=
            steps.iter().filter(|step| matches!(step.action, markdown::Action::LeaveOut(_))).count();
    }
    assert!(n_left_out <= 9, "{n_left_out} commands are not run: find a way to run some of them");
}

/// A promise that names a missing test would be an empty one.
#[test]
fn the_tests_that_the_readme_names_exist() {
    let readme = read("README.md");
    let is_test_name = |word: &&str| {
        word.split('_').count() > 3 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let is_setting = |word: &&str| word.bytes().any(|byte| byte.is_ascii_uppercase());
    let named: Vec<_> = readme.split('`').filter(is_test_name).filter(|word| !is_setting(word)).collect();
    assert!(named.len() >= 10, "the names were not found");
    let sources = ["crates/chatserver/tests", "crates/chat-sqlite/tests", "crates/chat-contract/src"]
        .map(|folder| text_below(&root().join(folder)));
    for name in named {
        assert!(
            sources.concat().contains(&format!("fn {name}(")),
            "README.md names {name}, which is no test"
        );
    }
}

/// Reads all Rust sources in a folder and below it.
fn text_below(folder: &Path) -> String {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths
        .map(|path| if path.is_dir() { text_below(&path) } else { fs::read_to_string(path).unwrap() })
        .collect()
}
