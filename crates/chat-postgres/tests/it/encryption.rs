//! Encrypted connections to a real server, whose certificate is signed by an authority of the test.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use chat_engines::Postgres as Server;
use chat_postgres::{Options, Postgres};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

const DATABASE: &str = "chat";
/// Sections for the authority's certificate and for the server's, which is valid for one name only.
const CONFIG: &str = "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=test\n\
                      [authority]\nbasicConstraints=critical,CA:TRUE\n\
                      [server]\nbasicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:localhost\n";

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Creates `authority.pem`, `server.pem` with `server.key`, signed by the authority, and `other.pem`.
fn make_certificates(folder: &Path) {
    std::fs::write(folder.join("config"), CONFIG).unwrap();
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config config";
    for name in ["authority", "other"] {
        let itself = format!("req -x509 {new} -days 30 -extensions authority -subj /CN={name}");
        openssl(folder, &format!("{itself} -out {name}.pem -keyout {name}.key"));
    }
    openssl(folder, &format!("req {new} -out server.csr -keyout server.key"));
    let signed_by = "-CA authority.pem -CAkey authority.key -set_serial 7";
    let signed = format!("x509 -req -in server.csr {signed_by} -days 30 -extfile config -extensions server");
    openssl(folder, &format!("{signed} -out server.pem"));
}

/// Makes the server itself write these files, so that its user owns them.
fn encrypt(server: &Server, folder: &Path) {
    let execute = |statement: &str| server.databases().execute("postgres", statement).unwrap();
    let data = execute("SHOW data_directory");
    for file in ["server.pem", "server.key"] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        execute(&format!(
            "COPY (SELECT line FROM unnest(string_to_array('{}', E'\\n')) WITH ORDINALITY t (line, n) ORDER BY n)
             TO PROGRAM 'umask 077; cat > {data}/{file}'",
            text.trim()
        ));
    }
    for setting in ["ssl_cert_file = 'server.pem'", "ssl_key_file = 'server.key'", "ssl = on"] {
        execute(&format!("ALTER SYSTEM SET {setting}"));
    }
    execute("SELECT pg_reload_conf()");
}

/// Opens the store. Returns how many of its sessions are encrypted and how many are not, or the reason why it
/// cannot be opened.
async fn open(url: String, ask: impl FnOnce(&str) -> String + Send + 'static) -> Result<(u8, u8), String> {
    let opened = spawn_blocking(move || {
        let options = Options { url, readers: 1, ..Options::default() };
        let prepared = Postgres::prepare(&options).map_err(|error| error.to_string())?;
        let sql = "SELECT count(*) FILTER (WHERE s.ssl) || ' ' || count(*) FILTER (WHERE NOT s.ssl)
                   FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                   WHERE a.application_name = 'chatserver' AND a.datname = current_database()";
        let counts = ask(sql);
        drop(prepared);
        let (encrypted, plain) = counts.split_once(' ').unwrap();
        Ok((encrypted.parse().unwrap(), plain.parse().unwrap()))
    });
    opened.await.unwrap()
}

#[tokio::test]
async fn connections_are_encrypted_and_checked_as_the_address_says() {
    let folder = TempDir::new().unwrap();
    make_certificates(folder.path());
    let server = Server::start().unwrap();
    encrypt(&server, folder.path());
    server.create_database(DATABASE).unwrap();
    let (authority, other) = (folder.path().join("authority.pem"), folder.path().join("other.pem"));
    let (authority, other) = (authority.to_str().unwrap(), other.to_str().unwrap());
    let (its_name, its_number) = ("localhost", "127.0.0.1");
    let encrypted = Ok((1, 0));
    for (host, parameters, expected) in [
        (its_number, "", encrypted),
        (its_number, "&sslmode=disable", Ok((0, 1))),
        (its_number, "&sslmode=prefer", encrypted),
        (its_number, "&sslmode=require", encrypted),
        (its_number, &format!("&sslmode=require&sslrootcert={authority}"), encrypted),
        (its_number, &format!("&sslmode=require&sslrootcert={other}"), Err("UnknownIssuer")),
        (its_number, &format!("&sslmode=verify-ca&sslrootcert={authority}"), encrypted),
        (its_number, &format!("&sslmode=verify-ca&sslrootcert={other}"), Err("UnknownIssuer")),
        (its_name, &format!("&sslmode=verify-full&sslrootcert={authority}"), encrypted),
        (its_name, &format!("&sslmode=verify-full&sslrootcert={other}"), Err("UnknownIssuer")),
        (its_number, &format!("&sslmode=verify-full&sslrootcert={authority}"), Err("not valid for name")),
        (its_name, "&sslmode=verify-full", Err("UnknownIssuer")),
    ] {
        let port = server.port();
        let url = format!("postgres://postgres@{host}:{port}/{DATABASE}?hostaddr=127.0.0.1{parameters}");
        let databases = server.databases().clone();
        let opened = open(url, move |sql| databases.execute(DATABASE, sql).unwrap()).await;
        match expected {
            Ok(counts) => assert_eq!(opened, Ok(counts), "{host} {parameters}"),
            Err(reason) => {
                let refusal = opened.unwrap_err();
                assert!(refusal.contains(reason), "{host} {parameters}: {refusal}");
            }
        }
    }
}

/// Requires a password from these users over TCP. Connections by other means need none.
fn require_passwords(server: &Server, users: &[&str]) {
    let execute = |statement: &str| server.databases().execute("postgres", statement).unwrap();
    let data = execute("SHOW data_directory");
    for user in users {
        execute(&format!("CREATE ROLE {user} LOGIN SUPERUSER PASSWORD 'secret'"));
        let line = format!("host all {user} 127.0.0.1/32 scram-sha-256");
        let (rules, new) = (format!("{data}/pg_hba.conf"), format!("{data}/new"));
        let before_others = format!("cat - {rules} > {new}; mv {new} {rules}");
        execute(&format!("COPY (SELECT '{line}') TO PROGRAM '{before_others}'"));
    }
    execute("SELECT pg_reload_conf()");
}

#[tokio::test]
async fn a_password_can_be_bound_to_the_encrypted_connection() {
    let folder = TempDir::new().unwrap();
    make_certificates(folder.path());
    let server = Server::start().unwrap();
    encrypt(&server, folder.path());
    require_passwords(&server, &["ann"]);
    server.create_database(DATABASE).unwrap();
    for (parameters, expected) in [
        ("sslmode=require&channel_binding=require", Ok((1, 0))),
        ("sslmode=require&channel_binding=prefer", Ok((1, 0))),
        ("sslmode=require&channel_binding=disable", Ok((1, 0))),
        ("sslmode=disable&channel_binding=require", Err("channel binding")),
    ] {
        let url = format!("postgres://ann:secret@127.0.0.1:{}/{DATABASE}?{parameters}", server.port());
        let databases = server.databases().clone();
        let opened = open(url, move |sql| databases.execute(DATABASE, sql).unwrap()).await;
        match expected {
            Ok(counts) => assert_eq!(opened, Ok(counts), "{parameters}"),
            Err(reason) => assert!(opened.clone().unwrap_err().contains(reason), "{parameters}: {opened:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_without_encryption_is_used_unless_encryption_is_required() {
    let database = spawn_blocking(|| chat_engines::shared().database().unwrap()).await.unwrap();
    let database = Arc::new(database);
    let open = |mode| {
        let (url, database) = (format!("{}?sslmode={mode}", database.url()), database.clone());
        open(url, move |sql| database.execute(sql).unwrap())
    };
    assert_eq!(open("prefer").await, Ok((0, 1)));
    let refusal = open("require").await.unwrap_err();
    assert!(refusal.contains("does not support TLS"), "{refusal}");
}
