//! Wording (CONTRIBUTING.md, "Wording"): no retired word in texts that users read, in comments or in identifiers, and
//! no comment that names a missing document.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::{files_below, is_test, read, root, source_files};

/// Words that a reader stumbles over. Each has a plainer replacement.
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

/// Files whose comments and identifiers may have retired words, each with the reason. The sentences of docs/contract.md
/// have none, so their quotations need no exemption.
const EXEMPT: [(&str, &str); 1] =
    [("crates/chatserver/tests/tidy/wording.rs", "it holds the list and the examples of this test")];

/// Identifiers of the standard library, which are not this repository's to choose.
const STANDARD: [&str; 2] = ["is_none", "is_none_or"];

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

/// Returns a document without fenced blocks and without code in backticks.
fn sentences(document: &str) -> String {
    let outside = document.split("\n```").step_by(2);
    outside.flat_map(|text| text.split('`').step_by(2)).collect::<Vec<_>>().join(" ")
}

/// Returns the texts of a source file that users can see: string literals, and the help of the command line, which clap
/// takes from the comments above its attributes. Tests at the end of the file are left out.
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

/// Removes quotation marks that neither begin nor end a string literal: escaped ones, and those in character literals.
fn without_quotes_inside(code: &str) -> String {
    code.replace("'\"'", "''").replace("\\\\", "").replace("\\\"", "")
}

/// Returns the contents of string literals.
fn literals(code: &str) -> Vec<String> {
    without_quotes_inside(code).split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Comments and identifiers of a source, each with the number of its line.
#[derive(Debug, Default)]
struct Inside {
    /// Consecutive lines are one comment, since a phrase may continue on the next line.
    comments: Vec<(usize, String)>,
    /// As words: `so_many` and `soMany` are both "so many".
    identifiers: Vec<(usize, String)>,
}

/// Reads comments and identifiers of Rust, TypeScript, Svelte and CSS. String literals that end on their line are left
/// out.
fn inside(source: &str) -> Inside {
    let mut found = Inside::default();
    let (mut is_block, mut last_comment) = (false, 0);
    for (number, line) in (1..).zip(source.lines().map(str::trim)) {
        if is_block || ["//", "/*", "<!--"].iter().any(|start| line.starts_with(start)) {
            is_block = (is_block || !line.starts_with("//")) && !line.contains("*/") && !line.contains("-->");
            match found.comments.last_mut() {
                Some((_, comment)) if last_comment + 1 == number => comment.extend([" ", line]),
                _ => found.comments.push((number, line.to_owned())),
            }
            last_comment = number;
            continue;
        }
        let outside = without_quotes_inside(line).split('"').step_by(2).collect::<Vec<_>>().join(" ");
        let code = match outside.split_once(" // ") {
            Some((code, comment)) => {
                found.comments.push((number, comment.to_owned()));
                code
            }
            None => &outside,
        };
        let names = code.split(|c: char| !c.is_alphanumeric() && c != '_');
        let names = names.filter(|name| !name.is_empty() && !STANDARD.contains(name));
        found.identifiers.extend(names.map(|name| (number, words(name))));
    }
    found
}

/// Splits an identifier into words.
fn words(identifier: &str) -> String {
    let (mut words, mut was_lower) = (String::new(), false);
    for c in identifier.chars() {
        if c.is_uppercase() && was_lower {
            words.push(' ');
        }
        words.push(if c == '_' { ' ' } else { c });
        was_lower = c.is_lowercase() || c.is_numeric();
    }
    words
}

/// Returns the first retired word of a text, as a whole word: `chat-twin` and `{standing}` do not count.
fn retired(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    let outside = text.split('{').map(|part| part.rsplit('}').next().unwrap_or_default()).collect::<String>();
    let words = outside.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    let words = format!(" {} ", words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
    // "There is none" is plain; "an address is none" is not.
    let words = words.replace(" there is none ", " ").replace(" there are none ", " ");
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

#[test]
fn no_comment_or_identifier_has_a_retired_word() {
    let web = files_below(&root().join("web/src"), &["ts", "svelte", "css"]);
    assert!(web.len() > 50, "the web client was not found");
    let mut known = HashMap::new();
    let mut found = Vec::new();
    for path in source_files().iter().chain(&web) {
        if EXEMPT.iter().any(|(exempt, _)| path.ends_with(exempt)) {
            continue;
        }
        let Inside { comments, identifiers } = inside(&read(path));
        // Code in backticks is quoted: "is `None`".
        let comments = comments.into_iter().map(|(line, text)| (line, sentences(&text)));
        for (line, text) in comments.chain(identifiers) {
            let word: &mut Option<&str> = known.entry(text).or_insert_with_key(|text| retired(text));
            found.extend(word.map(|word| format!("{}:{line}: {word}", path.display())));
        }
    }
    assert!(found.is_empty(), "CONTRIBUTING.md (Wording) has the list:\n{}", found.join("\n"));
}

/// Whether a file holds tests although it is not in a folder `tests`: the contract of the stores, and a module's
/// `tests.rs`.
fn is_other_test(path: &Path) -> bool {
    path.ends_with("tests.rs")
        || path.components().any(|part| part.as_os_str() == "contract" || part.as_os_str() == "chat-contract")
}

#[test]
fn retired_words_are_found_where_they_stand() {
    assert_eq!(retired("Whoever asks is told of it"), Some("whoever"));
    assert_eq!(retired("what so many\nneed"), Some("so many"));
    assert_eq!(retired("a file that there is none of: an address is none"), Some("is none"));
    assert_eq!(retired("`None` if there is none, or there are none"), None);
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
fn comments_and_identifiers_are_read() {
    let source = "/// It is let\n/// go of.\nfn so_many(toldAnew: char) -> bool { \"whom\".is_none() } // a deed\n\
                  /* of a\n house */\nlet LAST_WORD = \"whom\";\n<!-- twin -->\nlet it = is_some; // is none\n";
    let Inside { comments, identifiers } = inside(source);
    let found = |texts: &[(usize, String)]| -> Vec<_> {
        texts.iter().filter_map(|(line, text)| retired(text).map(|word| (*line, word))).collect()
    };
    assert_eq!(found(&comments), [(1, "let go of"), (3, "deed"), (4, "house"), (7, "twin"), (8, "is none")]);
    assert_eq!(found(&identifiers), [(3, "so many"), (3, "anew"), (6, "last word")]);
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
