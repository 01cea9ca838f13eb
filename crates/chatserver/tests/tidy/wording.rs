//! How sentences are worded (CONTRIBUTING.md, "Wording"): no retired word in what users read, and no comment that names
//! a document that is gone.

use std::fs;
use std::path::{Path, PathBuf};

use super::{is_test, read, root, source_files};

/// Words that a reader stumbles over. Each has a plainer one.
const RETIRED: [&str; 19] = [
    "whoever",
    "whomever",
    "whom",
    "anew",
    "is none",
    "are none",
    "let go of",
    "told of",
    "worth nothing",
    "takes leave",
    "so many",
    "spelt",
    "last word",
    "twin",
    "befall",
    "errand",
    "deed",
    "standing",
    "house",
];

/// Documents for users and operators. CONTRIBUTING.md is not among them: it lists the words.
fn documents() -> Vec<PathBuf> {
    let mut found: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md", ".env.example", "deploy/README.md"]
            .map(|name| root().join(name))
            .to_vec();
    found.push(root().join("sdk/typescript/README.md"));
    for folder in ["docs", "examples"] {
        let files = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        found.extend(files.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    found
}

/// A document's sentences: without fenced blocks and without code in backticks.
fn sentences(document: &str) -> String {
    let outside = document.split("\n```").step_by(2);
    outside.flat_map(|text| text.split('`').step_by(2)).collect::<Vec<_>>().join(" ")
}

/// The texts of a source file that users can see: string literals, and the help of the command line, which clap takes
/// from the comments above its attributes. Tests at the end of the file are left out.
fn shown(source: &str, is_command_line: bool) -> String {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let (mut texts, mut help) = (String::new(), String::new());
    for line in source.lines().map(str::trim) {
        match line.strip_prefix("///") {
            Some(text) => help.push_str(text),
            None => {
                if is_command_line || line.starts_with("#[arg") {
                    texts.push_str(&help);
                }
                help.clear();
            }
        }
    }
    let code: Vec<_> = source.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    for literal in literals(&code.join("\n")) {
        texts.push_str(" . ");
        texts.push_str(&literal);
    }
    texts
}

/// What stands between quotation marks. Quotation marks in character literals and escaped ones do not count.
fn literals(code: &str) -> Vec<String> {
    let code = code.replace("'\"'", "''").replace("\\\\", "").replace("\\\"", "");
    code.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The first retired word of a text, as a whole word: `chat-twin` and `{standing}` do not count.
fn retired(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let outside = text.split('{').map(|part| part.rsplit('}').next().unwrap_or_default()).collect::<String>();
    let words = outside.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let words = format!(" {} ", words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
    RETIRED.into_iter().find(|word| words.contains(&format!(" {word} ")))
}

#[test]
fn no_document_has_a_retired_word() {
    for path in documents() {
        let found = retired(&sentences(&read(&path)));
        assert_eq!(found, None, "{}: CONTRIBUTING.md (Wording) has the list", path.display());
    }
}

#[test]
fn no_help_log_metric_or_error_has_a_retired_word() {
    for path in source_files().iter().filter(|path| !is_test(path) && !is_other_test(path)) {
        let is_command_line = path.ends_with("chatserver/src/cli.rs");
        let found = retired(&shown(&read(path), is_command_line));
        assert_eq!(found, None, "{}: CONTRIBUTING.md (Wording) has the list", path.display());
    }
}

/// Whether a file holds tests although it is in no folder `tests`: the contract of the stores, and `tests.rs` of a module.
fn is_other_test(path: &Path) -> bool {
    path.ends_with("tests.rs")
        || path.components().any(|part| part.as_os_str() == "contract" || part.as_os_str() == "chat-contract")
}

#[test]
fn retired_words_are_found_where_they_stand() {
    assert_eq!(retired("Whoever asks is told of it"), Some("whoever"));
    assert_eq!(retired("what so many\nneed"), Some("so many"));
    assert_eq!(retired("a warehouse, indeed; chat-twin-1 {standing} {told} of"), None);
    assert_eq!(retired("it is worth\n  nothing."), Some("worth nothing"));
    let source =
        "/// Who: whoever.\n#[arg(long)]\nto: char = '\"';\nlet text = \"to \\\"whom\\\" it\";\n// anew\n";
    assert_eq!(retired(&shown(source, false)), Some("whoever"));
    assert_eq!(retired(&shown(&source.replace("whoever", "anybody"), false)), Some("whom"));
    assert_eq!(retired(&shown("/// whoever\nfn call() {}\n// anew", false)), None);
    assert_eq!(retired(&sentences("a\n```\nanew\n```\nb `whom` c")), None);
}

#[test]
fn every_document_that_a_comment_names_exists() {
    let mut n_named = 0;
    for path in source_files() {
        let text = read(&path);
        for line in text.lines().filter(|line| line.trim_start().starts_with("//")) {
            for word in line.split(|c: char| c.is_whitespace() || "()`,;:\"'".contains(c)) {
                let word = word.trim_end_matches('.');
                if word.ends_with(".md") && word.len() > 3 && !word.contains('*') {
                    n_named += 1;
                    assert!(root().join(word).exists(), "{}: {word} is not here", path.display());
                }
            }
        }
    }
    assert!(n_named > 20, "the comments were not found");
}
