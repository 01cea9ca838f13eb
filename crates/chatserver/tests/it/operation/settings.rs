//! Settings: flags, environment, `.env`, and the key that signs tokens.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::json;

use crate::support::{Server, Setup, User};

#[test]
fn help_names_every_flag_and_variable() {
    let output = Command::new(env!("CARGO_BIN_EXE_chatserver")).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for variable in [
        "PORT",
        "HOST",
        "JWT_SECRET",
        "JWT_EXPIRY_MINUTES",
        "DATABASE_PATH",
        "DATABASE_URL",
        "LOG_FILE",
        "LOG_LEVEL",
        "MAX_CONNECTIONS",
        "MAX_CONNECTIONS_PER_USER",
        "MAX_QUEUED_FRAMES",
        "MAX_QUEUED_BYTES",
        "MAX_CONNECTIONS_PER_ADDRESS",
        "ANSWER_TIMEOUT",
        "HEARTBEAT",
        "FEED_DAYS",
        "FEED_CHANGES",
        "PROXY_PROTOCOL",
        "TRUSTED_PROXIES",
        "TRUSTED_PROXIES_HEADER",
    ] {
        assert!(
            help.contains(&format!("[env: {variable}=")) || help.contains(&format!("[env: {variable}]")),
            "{variable}"
        );
    }
    for flag in
        ["--port", "--host", "--database", "--demo", "--log-file", "--jwt-secret", "--help", "--version"]
    {
        assert!(help.contains(flag), "{flag}");
    }
    for default in ["8080", "127.0.0.1", "./chatserver.db", "./logs/app.log", "1440"] {
        assert!(help.contains(&format!("[default: {default}]")), "{default}");
    }
}

#[test]
fn help_shows_no_secret() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.env("JWT_SECRET", "do-not-show-this").env("DATABASE_URL", "postgres://u:do-not-show-this@h/d");
    let output = command.arg("--help").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("do-not-show-this"));
}

#[test]
fn a_setting_that_makes_no_sense_is_refused() {
    for (name, value) in [
        ("JWT_EXPIRY_MINUTES", "0"),
        ("JWT_EXPIRY_MINUTES", "a day"),
        ("LOG_LEVEL", "loud"),
        ("LIMIT_SEND", "fast"),
        ("LIMIT_FACTOR", "0"),
        ("MAX_CONNECTIONS", "-1"),
        ("HEARTBEAT", "0"),
        ("FEED_DAYS", "0"),
        ("FEED_CHANGES", "few"),
        ("ALLOWED_ORIGINS", "*"),
        ("TRUSTED_PROXIES", "10.0.0.0/8 proxy.local"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES_HEADER", "X Forwarded For"),
        ("PROXY_PROTOCOL", "perhaps"),
        ("ALLOWED_ORIGINS", "https://app.example.com localhost:3000"),
    ] {
        let refusal = Setup::new().env(name, value).refuse();
        assert!(refusal.status.code().is_some_and(|code| code != 0), "{refusal:?}");
        assert!(refusal.stderr.contains(value) && !refusal.stderr.contains("panicked"), "{refusal:?}");
    }
    for port in ["65536", "-1", "http"] {
        let refusal = Setup::new().without_port().env("PORT", port).refuse();
        assert!(refusal.status.code().is_some_and(|code| code != 0), "{refusal:?}");
    }
    Setup::new().env("DATABASE_URL", "mysql://localhost/chat").refuse().says("postgres://user");
    // Nothing listens on port 1.
    Setup::new().env("DATABASE_URL", "postgres://127.0.0.1:1/chat").refuse().says("check DATABASE_URL");
    Setup::new().env("NATS_URL", "nats://localhost:4222").refuse().says("set DATABASE_URL too");
    let url = ("DATABASE_URL", "postgres://127.0.0.1:1/chat");
    Setup::new().env(url.0, url.1).env("NATS_PREFIX", "a.*").refuse().says("NATS_PREFIX");
}

#[tokio::test]
async fn the_environment_comes_before_dotenv_and_flags_before_both() {
    let setup = Setup::new();
    let dotenv =
        "DATABASE_PATH=from-dotenv.db\nLOG_FILE=from-dotenv.log\nJWT_EXPIRY_MINUTES=3\n# a comment\n";
    std::fs::write(setup.path(".env"), dotenv).unwrap();
    let setup = setup.env("LOG_FILE", "from-env.log").env("DATABASE_PATH", "from-env.db");
    let setup = setup.arg("--database").arg("from-flag.db");
    let server = setup.start();
    for (file, is_there) in [
        ("from-flag.db", true),
        ("from-env.db", false),
        ("from-dotenv.db", false),
        ("from-env.log", true),
        ("from-dotenv.log", false),
    ] {
        assert_eq!(setup.path(file).exists(), is_there, "{file}");
    }
    let claims = crate::support::jwt::part(&server.login("tom").await.token, 1);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 180, "from .env");
}

#[tokio::test]
async fn an_empty_variable_is_as_good_as_none() {
    let server =
        Setup::new().env("JWT_SECRET", "").env("DATABASE_URL", "").env("ALLOWED_ORIGINS", "").start();
    assert!(server.setup.path("chatserver.db.jwt-secret").exists());
}

/// `--help` promises the working folder's file. One of a folder above belongs to something else.
#[test]
fn a_dotenv_above_the_working_folder_is_not_read() {
    let setup = Setup::new();
    std::fs::create_dir(setup.path("inside")).unwrap();
    std::fs::write(setup.path(".env"), "DATABASE_PATH=from-above.db\n").unwrap();
    let server = setup.inside("inside").start();
    assert!(!server.setup.path("inside/from-above.db").exists());
    assert!(server.setup.path("inside/chatserver.db").exists());
}

#[test]
fn a_dotenv_that_cannot_be_read_is_refused() {
    let setup = Setup::new();
    std::fs::write(setup.path(".env"), "JWT_SECRET='hush-hush, never closed\n").unwrap();
    let refusal = setup.refuse();
    assert!(!refusal.stderr.contains("hush-hush"), "it may hold a secret: {refusal:?}");
    refusal.says(".env");
}

#[tokio::test]
async fn the_secret_is_made_once_for_the_owner_alone_and_kept() {
    let mut server = Setup::new().start();
    let path = server.setup.path("chatserver.db.jwt-secret");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(kept.trim().len() >= 32, "{} bytes", kept.len());
    let tom = server.login("tom").await;
    server.stop();
    let server = server.setup.start();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
    let tom = User::with_token(&server, 1, &tom.token);
    assert_eq!(tom.get("/v1/test-auth").await.expect(200)["user_id"], 1);
}

#[tokio::test]
async fn each_server_makes_a_secret_of_its_own() {
    let (one, other) = (Server::start(), Server::start());
    let tom = one.login("tom").await;
    User::with_token(&other, 1, &tom.token).get("/v1/test-auth").await.refused(401, "unauthenticated");
    let secret = |server: &Server| std::fs::read(server.setup.path("chatserver.db.jwt-secret")).unwrap();
    assert_ne!(secret(&one), secret(&other));
}

#[test]
fn a_short_or_well_known_secret_is_refused() {
    for bad in [
        "short",
        "0123456789012345678901234567890",
        "default_secret",
        "default_secret_default_secret_default_secret",
        "changeme-changeme-changeme-changeme",
        "your-secret-key-goes-here-0123456789",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        let setup = Setup::new().env("JWT_SECRET", bad);
        let refusal = setup.refuse();
        refusal.says("JWT_SECRET");
        // Otherwise the next start would find a database that is not new, and make no demo users.
        assert!(!setup.path("chatserver.db").exists(), "a refused start left a database behind");
        assert!(refusal.stderr.contains("openssl rand"), "{refusal:?}");
        assert!(!refusal.stderr.contains(bad) && !refusal.stdout.contains(bad), "{refusal:?}");
    }
    let setup = Setup::new();
    setup.start().stop();
    std::fs::write(setup.path("chatserver.db.jwt-secret"), "too short").unwrap();
    setup.refuse().says("needs at least");
}

#[tokio::test]
async fn health_is_reported_in_words_and_to_the_healthcheck() {
    let server = Server::start();
    assert_eq!(server.get("/healthz").await.expect(200), json!({"status": "ok"}));
    assert_eq!(server.get("/readyz").await.expect(200), json!({"status": "ready"}));
    let ask = |url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
        command.args(["healthcheck", "--url", url]).output().unwrap()
    };
    assert!(ask(&server.url()).status.success());
    let url = server.url();
    drop(server);
    let failed = ask(&url);
    assert!(!failed.status.success());
    assert!(!String::from_utf8_lossy(&failed.stderr).contains("panicked"));
}
