//! Tom and Jerry at their screens.

use serde_json::json;

use super::tmux::{Screen, TmuxServer};
use crate::support::people::p2p;
use crate::support::{Server, Setup, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_chatserver");
const USUAL: (u16, u16) = (80, 24);

pub(super) fn chat<'a>(tmux: &'a TmuxServer, server: &Server, name: &str, to: &str) -> Screen<'a> {
    let url = server.url();
    let screen = tmux.run(name, USUAL, &format!("{BINARY} chat --as {name} --to {to} --url {url}"));
    screen.shows("online");
    screen
}

/// A server that restarts at the same address.
pub(super) fn at_a_fixed_port() -> Setup {
    let port = chat_engines::free_port().unwrap();
    Setup::new()
        .on_one_node("it has to come back at the same address")
        .without_port()
        .env("PORT", &port.to_string())
}

#[test]
fn two_people_see_each_other_write_answer_and_react() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let tom = chat(&tmux, &server, "tom", "jerry");
    tom.says("Is there cheese?");
    tom.shows("Is there cheese?");
    let jerry = chat(&tmux, &server, "jerry", "tom");
    jerry.shows("Is there cheese?");
    tom.shows("✓✓");
    jerry.types("There");
    tom.shows("jerry is typing");
    jerry.types(" is.");
    jerry.presses("Enter");
    tom.shows("There is.");
    tom.shows_no_more("jerry is typing");
    // Jerry reacts to Tom's message, two up from the composer, and Tom answers Jerry's.
    jerry.presses("Up");
    jerry.presses("Up");
    jerry.types("+1");
    tom.shows("👍 1");
    tom.presses("Up");
    tom.types("r");
    tom.says("Let me see it");
    jerry.shows("┃ jerry: There is.");
    // Only a message that the server has can be edited.
    tom.waits_until("a tick", |shown| {
        shown.lines().any(|row| row.contains("Let me see it") && row.contains('✓'))
    });
    // An edit of the last own message, and its deletion.
    tom.presses("C-e");
    tom.says(" now");
    jerry.shows("Let me see it now (edited)");
    tom.presses("Up");
    tom.types("d");
    tom.shows("for everyone");
    tom.presses("Enter");
    jerry.shows("deleted");
}

#[test]
fn several_lines_are_written_and_pasted_and_sent_as_one_message() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let (tom, jerry) = (chat(&tmux, &server, "tom", "jerry"), chat(&tmux, &server, "jerry", "tom"));
    tom.types("one");
    tom.presses("C-j");
    tom.types("two");
    tom.pastes("\nthree\nfour 漢字 👨‍👩‍👧");
    tom.shows("four");
    tom.presses("Enter");
    let shown = jerry.shows("four");
    let rows: Vec<_> = shown.lines().filter_map(|row| row.split('│').nth(1)).collect();
    let at = rows.iter().position(|row| row.contains("one")).unwrap();
    assert!(rows[at + 1].contains("two") && rows[at + 2].contains("three"), "{shown}");
    assert!(rows[at + 3].contains("漢字"), "{shown}");
}

#[test]
fn a_server_that_dies_and_returns_costs_nothing_and_doubles_nothing() {
    let tmux = TmuxServer::new();
    let mut server = at_a_fixed_port().start();
    let (tom, jerry) = (chat(&tmux, &server, "tom", "jerry"), chat(&tmux, &server, "jerry", "tom"));
    tom.says("before");
    jerry.shows("before");
    for round in ["first", "second"] {
        server.kill();
        for screen in [&tom, &jerry] {
            screen.shows("Offline");
        }
        tom.says(&format!("while away the {round}"));
        tom.shows("1 message waits");
        server = server.setup.clone().start();
        for screen in [&tom, &jerry] {
            screen.shows("online");
        }
        jerry.shows(&format!("while away the {round}"));
        jerry.says(&format!("back the {round}"));
        tom.shows(&format!("back the {round}"));
    }
    for screen in [&tom, &jerry] {
        screen.shows_no_more("Offline");
        for text in
            ["before", "while away the first", "back the first", "while away the second", "back the second"]
        {
            assert_eq!(screen.count(text), 1, "{text}\n{}", screen.shown());
        }
    }
}

#[tokio::test]
async fn a_message_cannot_control_the_screen() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let (tom, jerry) = server.tom_and_jerry().await;
    let screen = chat(&tmux, &server, "jerry", "tom");
    let title = screen.ask("#{pane_title}");
    let harmful =
        "\u{1b}[2J\u{1b}[1;1H\u{1b}]0;owned\u{7}\u{1b}[?1049l\u{9b}31m\u{202e}\u{1b}c\u{8}\u{8}arrived";
    tom.post(&p2p(jerry.id), &json!({ "content": harmful })).await.expect(201);
    screen.shows("arrived");
    screen.shows("online");
    assert_eq!(screen.ask("#{pane_title} #{alternate_on}"), format!("{title} 1"));
}

#[test]
fn any_size_of_screen_will_do() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let tom = chat(&tmux, &server, "tom", "jerry");
    tom.says("Is there cheese?");
    tom.waits_until("ticks", |shown| shown.contains('✓'));
    for (width, height) in [(40, 10), (200, 60), (30, 6), (80, 24)] {
        tom.resize(width, height);
        let shown = tom.waits_until(&format!("{width}x{height}"), |shown| {
            let has_list = shown.contains('│');
            shown.contains("cheese?") && shown.contains("tom") && has_list == (width >= 64)
        });
        assert!(shown.lines().count() <= usize::from(height), "{shown}");
    }
    tom.says("There is.");
    tom.shows("There is.");
}

#[tokio::test]
async fn groups_are_made_filled_searched_and_put_away() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let (tom, jerry) = (chat(&tmux, &server, "tom", "jerry"), chat(&tmux, &server, "jerry", "tom"));
    tom.presses("C-g");
    tom.says("Cheese lovers");
    tom.shows("1 member");
    tom.says("/add jerry");
    tom.shows("2 members");
    tom.says("@jerry look here");
    jerry.shows("# Cheese lo");
    jerry.shows("@1");
    jerry.presses("C-k");
    jerry.types("chee");
    jerry.shows("Cheese lovers");
    jerry.presses("Enter");
    jerry.shows("2 members");
    jerry.shows_no_more("@1");
    // The index follows the messages by about a second.
    let user = server.login("jerry").await;
    eventually(20, "the message is in the index", async || {
        !user.messages("/v1/search?q=look").await.is_empty()
    })
    .await;
    jerry.presses("C-f");
    jerry.says("look");
    jerry.shows("1 message");
    jerry.presses("Escape");
    // A letter right after an escape would count as one key with it.
    jerry.shows_no_more("1 message");
    jerry.says("/archive");
    jerry.shows("archived; A in the list");
    jerry.waits_until("no group in the list", |shown| {
        !shown.lines().any(|row| row.split('│').next().is_some_and(|left| left.contains("# Cheese")))
    });
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let tom = chat(&tmux, &server, "tom", "jerry");
    assert_eq!(tom.ask("#{alternate_on}"), "1");
    tom.presses("C-c");
    tom.shows("status=0");
    assert_eq!(tom.ask("#{alternate_on}"), "0");
    let url = server.url();
    let command = format!("{BINARY} chat --as jerry --url {url} & echo $! > ~/pid; fg %1");
    let jerry = tmux.run("jerry", USUAL, &format!("set -m; {command} > /dev/tty"));
    jerry.shows("online");
    let pid = std::fs::read_to_string(tmux.home().join("pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    jerry.shows("status=0");
    assert_eq!(jerry.ask("#{alternate_on}"), "0");
}

#[tokio::test]
async fn a_client_whose_terminal_is_closed_ends() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let command = format!("echo $$ > ~/pid; exec {BINARY} chat --as tom --to jerry --url {}", server.url());
    let tom = tmux.run("tom", USUAL, &format!("sh -c '{command}'"));
    tom.shows("online");
    let pid = std::fs::read_to_string(tmux.home().join("pid")).unwrap();
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    tom.closes();
    eventually(20, "the client ends", async || rustix::process::test_kill_process(pid).is_err()).await;
}

#[test]
fn a_suspended_client_goes_on_where_it_was() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let url = server.url();
    let tom = tmux.run("tom", USUAL, "PS1=ready: bash --noprofile --norc -i");
    tom.shows("ready:");
    tom.says(&format!("{BINARY} chat --as tom --to jerry --url {url}"));
    tom.shows("online");
    tom.types("half a");
    tom.presses("C-z");
    tom.shows("Stopped");
    assert_eq!(tom.ask("#{alternate_on}"), "0");
    tom.says("fg");
    tom.shows("half a");
    tom.shows("online");
    tom.says(" sentence");
    tom.waits_until("ticks", |shown| shown.contains("half a sentence") && shown.contains('✓'));
}

/// Terminals do not agree how many cells these take, so the client cannot know what it has to draw over.
#[tokio::test]
async fn nothing_is_left_of_letters_whose_width_is_in_doubt() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let (tom, jerry) = server.tom_and_jerry().await;
    let letters = "क्षि नमस्ते 🏳️‍🌈 ⚠️";
    tom.post(&p2p(jerry.id), &json!({ "content": letters })).await.expect(201);
    tom.post(&p2p(jerry.id), &json!({ "content": "plain" })).await.expect(201);
    let screen = chat(&tmux, &server, "jerry", "tom");
    screen.shows("नमस्ते");
    screen.resize(40, 12);
    screen.shows_no_more("│");
    screen.shows("नमस्ते");
    screen.presses("Tab");
    screen.waits_until("the list and nothing of what was there", |shown| {
        let rows: Vec<_> = shown.lines().filter(|row| !row.trim().is_empty()).collect();
        rows.len() == 2 && rows[0].contains("tom")
    });
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_gets_lines() {
    let (server, tmux) = (Server::start(), TmuxServer::new());
    let command = format!("{BINARY} chat --as tom --to jerry --url {}", server.url());
    for (name, term) in [("dumb", "TERM=dumb"), ("unset", "env -u TERM")] {
        let screen = tmux.run(name, USUAL, &format!("{term} {command}"));
        screen.shows("* writing to jerry");
        screen.shows("does not support full-screen output");
        assert_eq!(screen.ask("#{alternate_on}"), "0");
    }
}
