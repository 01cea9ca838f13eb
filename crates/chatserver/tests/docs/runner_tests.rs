//! The runner detects a wrong output, a failing command and a line that never comes, and refuses what it does not
//! understand.

use std::time::Duration;

use crate::compare::{self, Found, find};
use crate::markdown::{Action, steps};
use crate::runner::{Options, Report, run};

/// Builds a document from blocks of info string and text.
fn document(blocks: &[(&str, &str)]) -> String {
    blocks.iter().map(|(info, text)| format!("Prose.\n\n```{info}\n{text}\n```\n")).collect()
}

fn try_out(blocks: &[(&str, &str)]) -> Result<Report, String> {
    run(&document(blocks), Options { deadline: Duration::from_secs(3) })
}

#[track_caller]
fn fails(blocks: &[(&str, &str)], with: &str) {
    let failure = try_out(blocks).unwrap_err();
    assert!(failure.contains(with), "{failure}");
}

const PING: &str = "curl http://localhost:8080/ping";

#[test]
fn a_right_document_passes() {
    let report = try_out(&[
        ("sh", PING),
        ("json", r#"{ "message": "pong", "db_driver": "sqlite3" }"#),
        ("sh", "echo \"$PWD\" >/dev/null; echo kept; X=1"),
        ("text", "kept"),
        ("sh", "echo $X"),
        ("text", "1"),
        ("sh terminal=tom background", "chatserver chat --as tom --to jerry"),
        ("text terminal=tom", "...\n[16:00:00] * Welcome to the chat server."),
        ("text terminal=tom typed", "hello"),
        ("text terminal=tom", "[16:00:00] tom: hello"),
        ("text terminal=tom typed ends", "/quit"),
        ("sh terminal=tom", "echo back in the shell"),
        ("text", "back in the shell"),
    ]);
    assert_eq!(report.unwrap().n_run, 5);
}

#[test]
fn what_is_not_run_is_reported() {
    let report =
        try_out(&[("sh", "true"), ("sh not-run=\"there is no moon\"", "fly"), ("text", "landed")]).unwrap();
    assert_eq!((report.n_run, report.not_run), (1, vec![(8, "there is no moon".to_owned())]));
}

#[test]
fn a_chat_is_followed_in_its_terminals() {
    let chat = |jerry_sees: &'static str| {
        try_out(&[
            ("sh terminal=jerry background", "chatserver chat --as jerry"),
            ("text terminal=jerry", "...\n[16:00:00] * Welcome to the chat server."),
            ("sh terminal=tom background", "chatserver chat --as tom --to jerry"),
            ("text terminal=tom", "...\n[16:00:00] * Welcome to the chat server."),
            ("text terminal=tom typed", "hello"),
            ("text terminal=jerry", jerry_sees),
        ])
    };
    chat("[16:00:00] tom: hello").unwrap();
    let failure = chat("[16:00:00] tom: goodbye").unwrap_err();
    assert!(failure.contains("tom: goodbye") && failure.contains("tom: hello"), "{failure}");
}

#[test]
fn a_wrong_output_fails() {
    fails(&[("sh", PING), ("json", r#"{"message":"pong","db_driver":"postgres"}"#)], "this came:");
    fails(&[("sh", "echo one; echo two"), ("text", "one")], "two");
    fails(&[("sh", "echo one"), ("text", "one\ntwo")], "two");
    fails(&[("sh", "echo none"), ("json", "{}")], "none");
    fails(&[("sh", "echo '{\"id\":2}'"), ("json", r#"{"id":1}"#)], "\"id\":2");
}

#[test]
fn a_failing_command_fails() {
    fails(&[("sh", "false")], "3: a command ended with 1, not with 0");
    fails(&[("sh", "false\ntrue")], "ended with 1");
    fails(&[("sh", "no-such-program | cat")], "ended with 127");
    fails(&[("sh", "X=$(curl -s http://localhost:1/)")], "ended with 7");
    fails(&[("sh status=1", "true")], "ended with 0, not with 1");
    try_out(&[("sh status=3", "(exit 3)")]).unwrap();
}

#[test]
fn what_never_comes_fails() {
    fails(&[("sh", "sleep 60")], "did not end in time");
    fails(
        &[("sh terminal=a background", "sleep 60"), ("text terminal=a", "never")],
        "the document shows:\n    never",
    );
    fails(&[("text terminal=nobody", "never")], "never");
    fails(
        &[("sh terminal=a background", "read line; false"), ("text terminal=a typed ends", "x")],
        "it ended with 1, not with 0",
    );
    fails(
        &[("sh terminal=a background", "sleep 60"), ("text terminal=a typed ends", "x")],
        "it did not end in time",
    );
    fails(&[("text terminal=nobody typed", "hello")], "nothing runs");
    fails(&[("sh background", "sleep 60"), ("sh", "true")], "something runs");
}

#[test]
fn what_is_not_understood_is_refused() {
    for (document, why) in [
        ("```sh termnal=x\ntrue\n```", "1: termnal is not understood"),
        ("```sh not-run\ntrue\n```", "1: not-run needs a reason"),
        ("```sh not-run=\"no end\ntrue\n```", "1: a quotation"),
        ("```sh\ntrue", "1: a block without end"),
        ("\n  ```sh\n  true\n  ```", "2: an indented block"),
        ("```json\n{}\n```", "1: an output that belongs to no command"),
        ("```sh background\ntrue\n```\n```text\nout\n```", "4: an output that belongs to no command"),
        ("```text typed\nx\n```", "1: it must name its terminal"),
    ] {
        let error = steps(document).unwrap_err();
        assert!(error.starts_with(why), "{error}");
    }
    assert_eq!(steps("```toml\nx = 1\n```\n```json illustration\n{}\n```").unwrap(), []);
    let steps = steps("```sh terminal=a status=2\nx\n```\n```text\ny\n```").unwrap();
    assert!(
        matches!(&steps[0].action, Action::Run { terminal, status: 2, output: Some(_), .. } if terminal == "a")
    );
}

#[test]
fn only_what_differs_by_its_nature_is_masked() {
    let same = |one: &str, other: &str| assert!(compare::json(one, other).is_ok(), "{one} {other}");
    let differ = |one: &str, other: &str| assert!(compare::json(one, other).is_err(), "{one} {other}");
    same(r#"{"token":"eyJ..."}"#, r#"{"token":"eyJhbGci.eyJ1c2Vy.c2ln-_"}"#);
    same(r#"{"timestamp":"2026-01-01T00:00:00Z"}"#, r#"{"timestamp": "2026-11-22T17:43:58.123456Z"}"#);
    same(r#"{"request_id":"..."}"#, r#"{"request_id":"2cfa9a31-1f"}"#);
    same(r#"{"ticket":"..."} 1"#, "{\"ticket\":\"abc\"}\n1");
    differ(r#"{"token":"eyJ..."}"#, r#"{"token":""}"#);
    differ(r#"{"timestamp":"2026-01-01T00:00:00Z"}"#, r#"{"timestamp":"yesterday"}"#);
    differ(r#"{"request_id":"..."}"#, r#"{"request_id":""}"#);
    differ(r#"{"id":1}"#, r#"{"id":2}"#);
    differ(r#"{"id":1}"#, r#"{"id":1,"more":2}"#);
    differ("[]", "[] []");
    compare::text("[16:00:02] tom: hi", "\u{1b}[32m[2026-01-01 03:04:05] tom: hi\u{1b}[0m\r\n").unwrap();
    assert!(compare::text("[16:00:02] tom: hi", "[16:00:02] jerry: hi").is_err());
}

#[test]
fn an_ellipsis_stands_for_any_lines() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let found = |expected, text| find(&lines(expected), &lines(text));
    assert_eq!(found("a\nb", "a\nb\nc"), Found::To(2));
    assert_eq!(found("a\nb", "a"), Found::NotYet);
    assert_eq!(found("a\nb", "a\nc"), Found::Never);
    assert_eq!(found("...\nb", "a\na\nb\nc"), Found::To(3));
    assert_eq!(found("...\nb", "a"), Found::NotYet);
    assert_eq!(found("a\n...\nc\nd", "a\nx\nc\ny\nc\nd\ne"), Found::To(6));
    assert_eq!(found("a\n...", "a\nb\nc"), Found::To(3));
}
