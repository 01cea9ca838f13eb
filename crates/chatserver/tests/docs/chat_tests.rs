//! `chatserver chat` over the real binary, in terminals of the document runner: servers that die, pipes and malicious
//! messages, which no document shows.

use crate::runner::{Options, run};

fn play(blocks: &[(&str, &str)]) {
    let document: String = blocks.iter().map(|(info, text)| format!("```{info}\n{text}\n```\n")).collect();
    run(&document, Options::default()).unwrap_or_else(|failure| panic!("{document}\nline {failure}"));
}

/// A server that can be killed by its process id.
const SERVE: (&str, &str) =
    ("sh terminal=server background", "./target/release/chatserver & echo $! > pid; wait $!");
const SERVE_AGAIN: (&str, &str) =
    ("sh terminal=again background", "./target/release/chatserver & echo $! > pid; wait $!");
const READY: (&str, &str) = ("sh", "until curl -fs http://localhost:8080/readyz; do sleep 0.05; done");
/// A killed process is not gone at once: until then its port and files are in use.
const GONE: (&str, &str) = ("sh", "while kill -0 $(cat pid) 2>/dev/null; do sleep 0.02; done");
const CHAT: (&str, &str) = ("sh terminal=tom background", "chatserver chat --as tom --to jerry");
const GREETED: (&str, &str) = ("text terminal=tom", "...\n[16:00:00] * Welcome to the chat server.");
const HISTORY: &str = "echo /history | chatserver chat --as jerry --to tom 2>/dev/null | tail -n 3";

#[test]
fn what_is_typed_while_the_server_is_dead_arrives_once() {
    play(&[
        SERVE,
        READY,
        CHAT,
        GREETED,
        ("text terminal=tom typed", "before"),
        ("text terminal=tom", "[16:00:00] tom: before"),
        ("sh", "kill -9 $(cat pid)"),
        GONE,
        ("text terminal=tom typed", "meanwhile\nand again"),
        SERVE_AGAIN,
        READY,
        GREETED,
        ("text terminal=tom", "[16:00:00] tom: meanwhile\n[16:00:00] tom: and again"),
        ("sh", HISTORY),
        ("text", "[16:00:00] tom: before\n[16:00:00] tom: meanwhile\n[16:00:00] tom: and again"),
    ]);
}

#[test]
fn a_restart_is_announced_and_survived() {
    play(&[
        SERVE,
        READY,
        CHAT,
        GREETED,
        ("sh", "kill $(cat pid)"),
        GONE,
        SERVE_AGAIN,
        READY,
        GREETED,
        ("text terminal=tom typed", "still here"),
        ("text terminal=tom", "[16:00:00] tom: still here"),
        ("text terminal=tom typed ends", "/quit"),
    ]);
}

#[test]
fn the_exit_status_tells_a_pipe_what_became_of_it() {
    play(&[
        ("sh", "echo hello | chatserver chat --as tom --to jerry"),
        ("sh status=1", "echo hello | chatserver chat --as tom"),
        ("text", "...\nerror: choose a recipient first: /to NAME or /group NAME\n..."),
        ("sh status=1", "echo '{\"type\":\"text\",\"recipient_id\":99}' | chatserver chat --as tom"),
        ("sh status=1", "chatserver chat --as tom --password wrong </dev/null"),
        (
            "text",
            "chatserver: cannot log in as tom at http://127.0.0.1:8080: Invalid email or password (wrong_credentials)",
        ),
        ("sh status=2", "chatserver chat --as nobody </dev/null"),
        (
            "text",
            "chatserver: the password of nobody is missing: set CHATSERVER_PASSWORD, or log in first: chatserver login",
        ),
        ("sh status=1", "chatserver chat --as tom --url http://127.0.0.1:1 </dev/null"),
        ("sh status=2", "chatserver chat </dev/null"),
        ("sh", "seq 300 | chatserver chat --as tom --to jerry 2>/dev/null | tail -n 1"),
        ("text", "[16:00:00] tom: 300"),
    ]);
}

#[test]
fn a_listener_follows_beyond_the_end_of_its_input() {
    play(&[
        ("sh terminal=jerry background", "chatserver chat --as jerry --follow </dev/null"),
        ("text terminal=jerry", "...\n[16:00:00] * Welcome to the chat server."),
        ("sh", "echo hello | chatserver chat --as tom --to jerry"),
        ("text terminal=jerry", "[16:00:00] tom: hello"),
    ]);
}

#[test]
fn a_login_that_expires_ends_the_session() {
    // A token signed with a key that the server no longer has counts as an expired one.
    play(&[
        SERVE,
        READY,
        CHAT,
        GREETED,
        ("sh", "kill -9 $(cat pid); rm chatserver.db.jwt-secret"),
        GONE,
        SERVE_AGAIN,
        READY,
        ("text terminal=tom", "...\nchatserver: the server no longer accepts this login; log in again"),
        ("text terminal=tom typed ends status=1", ""),
    ]);
}

#[test]
fn a_message_cannot_control_the_terminal_that_shows_it() {
    let harmful = r#"printf '{"type":"text","recipient_id":2,"content":"\\u001b[2J\\u001b]0;title\\u0007hi\\n[16:00:00] * forged"}\n' | chatserver chat --as tom >/dev/null 2>&1"#;
    play(&[
        ("sh", harmful),
        ("sh", "chatserver chat --as jerry </dev/null 2>/dev/null | od -c | grep -c '033\\|\\\\a' || true"),
        ("text", "0"),
        ("sh", "echo /history | chatserver chat --as jerry --to tom 2>/dev/null | tail -n 1"),
        ("text", "[16:00:00] tom: hi ⏎ [16:00:00] * forged"),
    ]);
}
