//! The list of names that would be refused today.

use std::process::Command;

use crate::support::{Server, Setup};

async fn server_with_old_names() -> Server {
    let mut server = Setup::new().start();
    for name in ["alice", "spike", "butch"] {
        server.register(name).await;
    }
    server.stop();
    // As earlier releases accepted them.
    server.setup.execute(
        "UPDATE users SET username = 'bob\u{200b}' WHERE id = 4; UPDATE users SET username = '\u{430}lice' WHERE id = 5",
    );
    server.setup.clone().start()
}

#[tokio::test]
async fn names_from_before_the_rules_are_listed_while_the_server_runs() {
    let server = server_with_old_names().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.arg("names").current_dir(server.setup.path("")).env_clear();
    match server.setup.database_url() {
        Some(url) => command.env("DATABASE_URL", url),
        None => command.arg("--database").arg(server.setup.database()),
    };
    let output = command.output().unwrap();
    let (said, error) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{error}");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[1].starts_with("  4  \"bob\\u{200b}\"") && lines[1].contains("U+200B"), "{said}");
    assert!(lines[3].starts_with("  5  \"\u{430}lice\" (\\u{430}lice)  for  3  \"alice\""), "{said}");
    assert_eq!(lines[4], "5 names: 1 break a rule, 1 look like another.");
    assert_eq!(lines.len(), 5, "{said}");
}

#[test]
fn where_there_is_no_database_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.db");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    let output =
        command.args(["names", "--database"]).arg(&path).env_remove("DATABASE_URL").output().unwrap();
    assert!(!output.status.success() && !path.exists());
}

fn refused_names(folder: &std::path::Path, url: Option<&str>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.arg("names").current_dir(folder).env_clear();
    if let Some(url) = url {
        command.env("DATABASE_URL", url);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{said}");
    assert_eq!(said.lines().count(), 1, "one sentence: {said}");
    said
}

/// Another program's users are private.
#[test]
fn another_programs_users_are_not_read() {
    let database =
        chat_engines::shared().database().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"));
    let folder = tempfile::tempdir().unwrap();
    for id in ["int", "bigint"] {
        let table = format!(
            "DROP TABLE IF EXISTS public.users; CREATE TABLE public.users (id {id} PRIMARY KEY, username text);
             INSERT INTO public.users VALUES (1, 'nibbles')"
        );
        database.execute(&table).unwrap();
        let said = refused_names(folder.path(), Some(&database.url()));
        assert!(said.contains("has no ChatServer tables"), "{said}");
        std::fs::write(folder.path().join(".env"), format!("DATABASE_URL={}\n", database.url())).unwrap();
        let said = refused_names(folder.path(), None);
        assert!(said.contains("the file .env in this directory"), "{said}");
        std::fs::remove_file(folder.path().join(".env")).unwrap();
    }
}
