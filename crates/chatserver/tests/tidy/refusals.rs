//! Stores refuse nothing by themselves: the core decides what a use case refuses, once for all stores.

use std::path::Path;

use crate::{read, root, rust_files};

/// Errors that a store may return by itself: its database cannot do what it is asked for. Every other variant of the
/// core's error is a refusal, including future ones.
const FAULTS: [&str; 4] = ["Overloaded", "Unavailable", "Obstructed", "Internal"];
/// Functions that make one of these from an error of the driver.
const MAKERS: [&str; 2] = ["internal", "from"];

/// Returns what follows `Error::` in a source where that is the core's error. Tests at its end are left out.
fn named(source: &str) -> Vec<&str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut named = Vec::new();
    for (at, found) in code.match_indices("Error::") {
        let path =
            code[..at].rsplit(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).next().unwrap_or_default();
        if ["", "chat_core::", "chat_core::error::", "error::"].contains(&path) {
            let rest = &code[at + found.len()..];
            named.extend(rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
        }
    }
    named
}

fn is_fault(name: &str) -> bool {
    FAULTS.contains(&name) || MAKERS.contains(&name)
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
}

#[test]
fn stores_refuse_nothing_by_themselves() {
    let mut n_faults = 0;
    for store in ["chat-sqlite", "chat-postgres"] {
        let files = rust_files(&root().join("crates").join(store).join("src"));
        for path in files.iter().filter(|path| !is_test(path)) {
            let source = read(path);
            for alias in ["Error as", "Error::*", "Error::{"] {
                let is_renamed = source.contains(&format!("chat_core::{alias}"))
                    || source.contains(&format!("chat_core::error::{alias}"));
                assert!(!is_renamed, "{}: the core's error has one name", path.display());
            }
            for name in named(&source) {
                let place = path.display();
                assert!(
                    is_fault(name),
                    "{place}: Error::{name} is a refusal; decide it in chat-core, from facts"
                );
                n_faults += 1;
            }
        }
    }
    assert!(n_faults > 10, "the stores' faults were not found");
}

#[test]
fn faults_are_variants_of_the_core() {
    let source = read(&root().join("crates/chat-core/src/error.rs"));
    let variants = source.split("pub enum Error {").nth(1).unwrap().split("\n}").next().unwrap();
    for fault in FAULTS {
        assert!(variants.contains(&format!("\n    {fault}")), "{fault} is not there any more");
    }
}

#[test]
fn the_reading_of_sources_finds_refusals() {
    let source = "\
        fn f() -> Result<()> {\n\
            Err(Error::NotFound(Kind::User).into())\n\
        }\n\
        let _ = (OpenError::Address(1), rusqlite::Error::QueryReturnedNoRows, std::io::Error::other(2));\n\
        let _ = chat_core::Error::conflict(\"taken\", \"Taken\");\n\
        let _ = x.map_err(error::Error::internal);\n\
        #[cfg(test)]\n\
        mod tests { fn g() { Error::Yourself; } }\n";
    assert_eq!(named(source), ["NotFound", "conflict", "internal"]);
    assert!(
        !is_fault("NotFound") && !is_fault("conflict") && is_fault("internal") && is_fault("Unavailable")
    );
}
