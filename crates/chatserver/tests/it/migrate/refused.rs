//! Moves that are refused: each with one sentence that says what to do, and without any change.

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
    says(&block_in_place(|| migrate(&server.setup, &database.url())), "is not empty; use an empty schema");
    other.stop();
    says(&block_in_place(|| migrate(&server.setup, &database.url())), "is not empty; use an empty schema");
    assert_eq!(database.execute(everything).unwrap(), before);
}

/// ChatServer's tables go into a schema of their own, and other tables stay as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_programs_tables_hinder_where_ours_are_to_be_alone() {
    let mut server = Setup::new().start();
    server.stop();
    let database = block_in_place(new_database);
    database.execute("CREATE SCHEMA chatserver; CREATE TABLE chatserver.t (id int)").unwrap();
    let migrated = || block_in_place(|| migrate(&server.setup, &database.url()));
    says(&migrated(), "set DATABASE_SCHEMA to an empty or new schema");
    database.execute("ALTER TABLE chatserver.t SET SCHEMA public; INSERT INTO public.t VALUES (7)").unwrap();
    assert!(migrated().status.success());
    assert_eq!(database.execute("SELECT id FROM public.t").unwrap(), "7");
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

/// A `.env` in the folder may belong to another program, which would then find ChatServer's tables in its database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_programs_database_that_a_dotenv_names_is_not_touched() {
    let mut server = Setup::new().start();
    server.stop();
    let setup = &server.setup;
    let database = block_in_place(new_database);
    database.execute("CREATE TABLE public.recipes (id int)").unwrap();
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg_%' ORDER BY 1";
    let before = database.execute(schemas).unwrap();
    let url = database.url();
    std::fs::write(setup.path(".env"), format!("DATABASE_URL={url}\n")).unwrap();
    block_in_place(|| setup.refuse()).says(".env");
    says(&block_in_place(|| setup.tool(&["migrate"]).output().unwrap()), ".env");
    assert_eq!(database.execute(schemas).unwrap(), before);
    // An address on the command line is meant for this program, even the same one. From then on the database is
    // ChatServer's.
    let mut server = block_in_place(|| setup.clone().arg("--database-url").arg(&url).start());
    server.stop();
    let mut server = block_in_place(|| setup.start());
    assert_eq!(server.get("/ping").await.expect(200)["db_driver"], "postgres");
    server.stop();
    block_in_place(|| setup.clone().env("DATABASE_URL", &url).start());
}

/// If nothing else is in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_that_a_dotenv_names_is_used() {
    let database = block_in_place(new_database);
    let setup = Setup::new();
    std::fs::write(setup.path(".env"), format!("DATABASE_URL={}\n", database.url())).unwrap();
    let server = block_in_place(|| setup.start());
    assert_eq!(server.get("/ping").await.expect(200)["db_driver"], "postgres");
}
