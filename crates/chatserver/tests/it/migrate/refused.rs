//! Moves that are refused: one sentence each that says what to do, and nothing changed.

use std::process::Output;

use tokio::task::block_in_place;

use super::{migrate, new_database, on};
use crate::support::Setup;

#[track_caller]
fn says(output: &Output, next_step: &str) {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!((said.lines().count(), output.stdout.len()), (1, 0), "one sentence: {said}");
    assert!(said.starts_with("chatserver: ") && said.contains(next_step), "{said}");
    assert!(!said.contains("do-not-show-this"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_with_something_in_it_is_left_as_it_is() {
    let mut server = Setup::new().start();
    server.stop();
    let database = block_in_place(new_database);
    let mut other = block_in_place(|| on(&database).start());
    let (tom, jerry) = other.tom_and_jerry().await;
    tom.write(&jerry, "somebody else's").await;
    let everything = "SELECT * FROM log, users, messages, secrets ORDER BY users.id, secrets.name";
    let before = database.execute(everything).unwrap();
    says(&block_in_place(|| migrate(&server.setup, &database.url())), "is not empty; make an empty one");
    other.stop();
    says(&block_in_place(|| migrate(&server.setup, &database.url())), "is not empty; make an empty one");
    assert_eq!(database.execute(everything).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_or_understood_is_said_without_the_password() {
    let mut server = Setup::new().start();
    server.stop();
    let to = |url: &str| block_in_place(|| migrate(&server.setup, url));
    says(
        &to("postgres://u:do-not-show-this@127.0.0.1:1/chat"),
        "check DATABASE_URL and that PostgreSQL runs",
    );
    says(&to("mysql://u:do-not-show-this@localhost/chat"), "postgres://user:password@host:5432/database");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_there_is_not_made() {
    let setup = Setup::new();
    let database = block_in_place(new_database);
    says(&block_in_place(|| migrate(&setup, &database.url())), "there is no database at");
    assert!(!setup.database().exists());
    std::fs::write(setup.database(), "Dear diary, today Jerry took the cheese again.").unwrap();
    says(&block_in_place(|| migrate(&setup, &database.url())), "restore a backup, or move it away");
}
