//! Conventions of the repository that a compiler does not check. Reads files and starts nothing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod performance;
mod refusals;
mod wording;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chat_protocol::v2::OpName;
use serde_json::Value;

/// Which of this workspace's crates a crate may depend on (ARCHITECTURE.md), and which others in its tests.
const ALLOWED: [(&str, &[&str], &[&str]); 19] = [
    ("chat-names", &[], &[]),
    ("chat-core", &["chat-names"], &[]),
    ("chat-protocol", &[], &[]),
    ("chat-websocket", &[], &[]),
    ("chat-codec", &["chat-core"], &[]),
    ("chat-contract", &["chat-core"], &[]),
    ("chat-engines", &[], &[]),
    ("chat-store", &["chat-core"], &[]),
    ("chat-sqlite", &["chat-codec", "chat-core", "chat-store"], &["chat-contract"]),
    ("chat-postgres", &["chat-codec", "chat-core", "chat-store"], &["chat-contract", "chat-engines"]),
    ("chat-relay", &["chat-codec", "chat-core"], &[]),
    ("chat-nats", &["chat-core", "chat-relay"], &["chat-engines"]),
    ("chat-wire", &["chat-core", "chat-protocol"], &[]),
    (
        "chat-gateway",
        &["chat-core", "chat-protocol", "chat-websocket", "chat-wire"],
        &["chat-client", "chat-sqlite"],
    ),
    ("chat-client", &["chat-names", "chat-protocol", "chat-websocket"], &[]),
    ("chat-terminal", &["chat-client", "chat-names", "chat-protocol"], &[]),
    ("chat-trials", &["chat-client", "chat-core", "chat-engines", "chat-protocol", "chat-websocket"], &[]),
    ("chat-web", &[], &[]),
    (
        "chatserver",
        &[
            "chat-client",
            "chat-core",
            "chat-gateway",
            "chat-nats",
            "chat-postgres",
            "chat-relay",
            "chat-sqlite",
            "chat-terminal",
            "chat-trials",
            "chat-web",
        ],
        &["chat-engines", "chat-protocol"],
    ),
];
/// Maximum number of lines of a source file, without tests.
const MAX_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the files below a folder whose names have one of these endings.
fn files_below(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path, endings));
        } else if path.extension().and_then(OsStr::to_str).is_some_and(|ending| endings.contains(&ending)) {
            found.push(path);
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files_below(folder, &["rs"])
}

fn source_files() -> Vec<PathBuf> {
    let files = rust_files(&root().join("crates"));
    assert!(files.len() > 50, "the sources were not found");
    files
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
}

/// The crates of this workspace that a crate depends on, on any platform.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dependencies {
    always: BTreeSet<String>,
    in_tests: BTreeSet<String>,
}

/// Reads the dependencies of each crate of a workspace, as cargo reads the manifests.
fn our_dependencies(workspace: &Path) -> BTreeMap<String, Dependencies> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(workspace);
    let read = command.output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let metadata: Value = serde_json::from_slice(&read.stdout).unwrap();
    let of = |package: &Value| {
        let mut ours = Dependencies::default();
        for dependency in package["dependencies"].as_array().unwrap() {
            // Dependencies with a path are in this repository.
            if dependency["path"].is_string() {
                let is_for_tests = dependency["kind"] == "dev";
                let names = if is_for_tests { &mut ours.in_tests } else { &mut ours.always };
                names.insert(dependency["name"].as_str().unwrap().to_owned());
            }
        }
        (package["name"].as_str().unwrap().to_owned(), ours)
    };
    metadata["packages"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn crates_depend_only_on_those_they_may() {
    let found = our_dependencies(&root());
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    let mut known = ALLOWED.map(|(name, ..)| name);
    known.sort_unstable();
    assert_eq!(names, known, "the table has each crate; see ARCHITECTURE.md");
    for (name, always, in_tests) in ALLOWED {
        let Dependencies { always: found_always, in_tests: found_in_tests } = &found[name];
        for dependency in found_always {
            assert!(
                always.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}; see ARCHITECTURE.md"
            );
        }
        for dependency in found_in_tests {
            assert!(
                always.contains(&dependency.as_str()) || in_tests.contains(&dependency.as_str()),
                "the tests of {name} must not depend on {dependency}; see ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn the_reading_of_manifests_finds_dependencies() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[workspace]\nmembers = [\"*\"]\nexclude = [\"target\"]\nresolver = \"3\"\n");
    for name in ["one", "two", "three", "four", "five"] {
        write(&format!("{name}/src/lib.rs"), "");
        write(&format!("{name}/Cargo.toml"), &format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n"));
    }
    let manifest = r#"
        [package]
        name = "one"
        edition = "2024"
        [dependencies]
        serde = "1"
        renamed = { package = "two", path = "../two" }
        [target.'cfg(windows)'.dependencies]
        three = { path = "../three" }
        [build-dependencies]
        four = { path = "../four" }
        [dev-dependencies]
        five = { path = "../five" }
    "#;
    write("one/Cargo.toml", manifest);
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected = Dependencies { always: all(&["four", "three", "two"]), in_tests: all(&["five"]) };
    let found = our_dependencies(folder.path());
    assert_eq!((found.len(), &found["one"], &found["two"]), (5, &expected, &Dependencies::default()));
}

#[test]
fn every_module_says_what_it_is_for() {
    for path in source_files() {
        assert!(read(&path).starts_with("//! "), "{} must open with a //! paragraph", path.display());
    }
}

#[test]
fn source_files_stay_short() {
    for path in source_files().iter().filter(|path| !is_test(path)) {
        let lines = read(path).lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines; two rooms in one?", path.display());
    }
}

#[test]
fn nothing_is_left_for_later() {
    let marks = ["TO", "FIX", "XX"].map(|mark| {
        format!(
            "{mark}{}",
            if mark == "TO" {
                "DO"
            } else if mark == "FIX" {
                "ME"
            } else {
                "X"
            }
        )
    });
    for path in source_files() {
        let text = read(&path);
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} has a {mark}", path.display());
        }
    }
}

#[test]
fn every_setting_is_in_the_example_file_and_the_readme() {
    let settings = read(&root().join("crates/chatserver/src/cli/serve.rs"));
    let names: Vec<_> =
        settings.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 8, "the settings were not found");
    for file in [".env.example", "README.md"] {
        let text = read(&root().join(file));
        for name in &names {
            assert!(text.contains(name), "{file} must explain {name}");
        }
    }
}

#[test]
fn every_operation_of_the_api_has_a_name_of_its_own() {
    let document = chat_gateway::openapi().to_json().unwrap();
    let names: Vec<_> =
        document.split("\"operationId\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let distinct: BTreeSet<_> = names.iter().collect();
    assert!(names.len() > 40, "the operations were not found");
    assert_eq!(distinct.len(), names.len(), "{names:?}");
}

#[test]
fn every_route_is_in_the_readme() {
    let readme = read(&root().join("README.md"));
    for path in chat_gateway::openapi().paths.paths.keys() {
        assert!(readme.contains(path.as_str()), "README.md must list {path}");
    }
}

/// Returns the names in the first column of a table below a heading.
fn first_column(document: &str, heading: &str) -> BTreeSet<String> {
    let section = document.split(heading).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.skip(1).filter_map(|row| row.split(" |").next());
    cells.flat_map(|cell| cell.split('`').step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_frame_is_explained_and_in_the_asyncapi_document() {
    let explained = read(&root().join("docs/stream.md"));
    let document = chat_gateway::asyncapi();
    let mut ops = BTreeSet::new();
    let mut types = BTreeSet::new();
    for message in document["channels"]["v2"]["messages"].as_object().unwrap().values() {
        let pointer = message["$ref"].as_str().unwrap().trim_start_matches('#');
        let message = document.pointer(pointer).unwrap();
        let is_op = message["payload"]["properties"]["op"].is_object();
        let frames = if is_op { &mut ops } else { &mut types };
        frames.insert(message["name"].as_str().unwrap().to_owned());
    }
    // Authentication has a section of its own.
    assert!(ops.remove("auth"));
    assert_eq!(first_column(&explained, "## What a client sends"), ops);
    assert_eq!(first_column(&explained, "## What the server sends"), types);
}

/// Returns the part of a file before its tests.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

/// Returns the lines that compare something with the name of an op, or match it. Such an op is not found when its name
/// changes, and is missing from `OpName`'s exhaustive matches.
fn ops_as_strings(text: &str) -> Vec<&str> {
    let compares = |line: &str, name: &str| {
        let quoted = format!("\"{name}\"");
        let around = line.split_once(quoted.as_str());
        around.is_some_and(|(before, after)| {
            let (before, after) = (before.trim_end(), after.trim_start());
            let is_compared = |side: &str| side.ends_with("==") || side.ends_with("!=");
            let arm = after.trim_start_matches(')').trim_start();
            is_compared(before)
                || after.starts_with("==")
                || after.starts_with("!=")
                || arm.starts_with("=>")
                || before.ends_with('|')
                || after.starts_with('|')
        })
    };
    let is_found = |line: &&str| OpName::ALL.iter().any(|op| compares(line, op.as_str()));
    without_tests(text).lines().filter(is_found).collect()
}

#[test]
fn the_gateway_compares_no_op_as_a_string() {
    let folder = root().join("crates/chat-gateway/src");
    let files = rust_files(&folder);
    assert!(files.len() > 50, "the gateway's sources were not found");
    for path in files.iter().filter(|path| !path.ends_with("tests.rs")) {
        let text = read(path);
        let found: Vec<_> = ops_as_strings(&text).into_iter().filter(|line| !is_v1(path, line)).collect();
        assert_eq!(found, <[&str; 0]>::default(), "{}: match on OpName instead", path.display());
    }
}

/// On the v1 stream, `typing` is a type of frame.
fn is_v1(path: &Path, line: &str) -> bool {
    path.ends_with("ws/v1.rs") && line.contains("\"typing\"")
}

#[test]
fn the_search_for_ops_finds_comparisons_and_arms_and_nothing_else() {
    for found in [
        r#"if asked.op == "react" {"#,
        r#"if "react" == asked.op {"#,
        r#"let is_other = op != "send";"#,
        r#""edit" => edit(app),"#,
        r#"Some("pin") => pin(app),"#,
        r#""save" | "unsave" => keep(app),"#,
        r#"matches!(op, "read" | "seen")"#,
    ] {
        assert_eq!(ops_as_strings(found), [found]);
    }
    for other in [r#"code: "send".into(),"#, r#"x == "sends""#, r#"tracing::debug!("edit");"#] {
        assert_eq!(ops_as_strings(other), <[&str; 0]>::default());
    }
    let tests = "#[cfg(test)]\nmod tests {\n    assert!(op == \"send\");\n}";
    assert_eq!(ops_as_strings(tests), <[&str; 0]>::default());
}

/// Files and what they must not use, so that no two modules depend on each other.
const NO_CIRCLES: [(&str, &str); 9] = [
    ("chat-gateway/src/hub/full.rs", "use "),
    ("chat-gateway/src/hub/presence.rs", "use crate::metrics"),
    ("chat-gateway/src/hub/protocol.rs", "use "),
    ("chat-gateway/src/metrics.rs", "use crate::hub::{"),
    ("chat-gateway/src/metrics.rs", "use crate::hub::presence"),
    ("chat-gateway/src/ws/v1.rs", "use super::session"),
    ("chat-gateway/src/ws/v2.rs", "use super::session"),
    ("chat-gateway/src/ws/v2/ops.rs", "use crate::ws"),
    ("chat-relay/src/bus.rs", "use crate::"),
];

#[test]
fn modules_that_were_untangled_stay_so() {
    for (file, forbidden) in NO_CIRCLES {
        let text = read(&root().join("crates").join(file));
        let found = without_tests(&text).lines().find(|line| line.starts_with(forbidden));
        assert_eq!(found, None, "{file} must not {forbidden}");
    }
}

/// Files with ignored tests: each is a process that another test starts, which fails if it is missing.
const IGNORED: [&str; 1] = ["chat-sqlite/tests/it/legacy/interrupted.rs"];

#[test]
fn no_test_is_left_out_but_those_that_others_start() {
    let crates = root().join("crates");
    let ignored = |text: &str| text.lines().filter(|line| line.trim().starts_with("#[ignore")).count();
    let found: Vec<_> = source_files()
        .iter()
        .flat_map(|path| vec![path.strip_prefix(&crates).unwrap().to_owned(); ignored(&read(path))])
        .collect();
    assert_eq!(found, IGNORED.map(PathBuf::from));
}

/// Whether the doc comments of a source have an example that `cargo test --doc` runs.
fn has_example(text: &str) -> bool {
    let docs =
        text.lines().filter_map(|line| line.trim().strip_prefix("//!").or(line.trim().strip_prefix("///")));
    let fences: Vec<_> = docs.filter_map(|doc| doc.trim().strip_prefix("```")).collect();
    fences.iter().step_by(2).any(|language| matches!(*language, "" | "rust"))
}

#[test]
fn examples_in_doc_comments_are_run() {
    assert!(has_example("//! ```\n//! run();\n//! ```"));
    assert!(!has_example("/// ```text\n/// not run\n/// ```\n/// And so on."));

    let crates = root().join("crates");
    let name = |path: &PathBuf| {
        let within = path.strip_prefix(&crates).unwrap();
        within.components().next().unwrap().as_os_str().to_string_lossy().into_owned()
    };
    let with_examples: BTreeSet<_> =
        source_files().iter().filter(|path| has_example(&read(path))).map(name).collect();
    let script = read(&root().join("test.sh"));
    let run = script.lines().find(|line| line.contains("cargo test") && line.contains(" --doc ")).unwrap();
    let named = run.split(" -p ").skip(1).filter_map(|rest| rest.split(' ').next());
    assert_eq!(named.map(String::from).collect::<BTreeSet<_>>(), with_examples, "what ./test.sh runs");
}

#[test]
fn architecture_stays_a_map() {
    let map = read(&root().join("ARCHITECTURE.md"));
    assert!(map.lines().count() <= 200);
    for path in map.split('`').filter(|word| word.ends_with(".rs") && word.contains("/src/")) {
        assert!(root().join("crates").join(path.trim_start_matches("crates/")).exists(), "{path} is gone");
    }
}
