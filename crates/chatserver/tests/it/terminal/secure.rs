//! The terminal client and a server with TLS: the client trusts the named authorities, and no others.

use std::path::Path;
use std::process::{Command, Output};

use super::tmux::TmuxServer;
use crate::support::{Server, Setup};

const BINARY: &str = env!("CARGO_BIN_EXE_chatserver");

/// A private authority's certificate for this machine, and the server that shows it.
fn encrypted(is_authority: &str) -> Server {
    let setup = Setup::new().on_one_node("the certificate is a file of one folder");
    let config = format!(
        "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=localhost\n\
         [ext]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:{is_authority}\n"
    );
    std::fs::write(setup.path("openssl.cnf"), config).unwrap();
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    command.args(["-days", "30", "-config", "openssl.cnf", "-out", "certificate.pem", "-keyout", "key.pem"]);
    let output = command.current_dir(setup.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    setup.env("TLS_CERT", "certificate.pem").env("TLS_KEY", "key.pem").start()
}

fn run(home: &Path, args: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } =
        Command::new(BINARY).env_clear().env("HOME", home).current_dir(home).args(args).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    let (server, tmux) = (encrypted("FALSE"), TmuxServer::new());
    let url = format!("https://{}", server.address);
    let ca = server.setup.path("certificate.pem");
    let ca = ca.to_str().unwrap();
    assert_eq!(run(tmux.home(), &["healthcheck", "--url", &url, "--ca", ca]).0, Some(0));
    let send = ["send", "--as", "tom", "--to", "jerry", "--url", &url, "over TLS"];
    assert_eq!(run(tmux.home(), &[&send[..], &["--ca", ca]].concat()).0, Some(0));
    let (status, errors) = run(tmux.home(), &send);
    assert!(status == Some(1) && errors.contains("--ca"), "{errors}");
    let (status, errors) =
        run(tmux.home(), &["send", "--as", "tom", "--to", "jerry", "--url", &server.url(), "x"]);
    assert!(status == Some(1) && errors.contains("https://"), "plain HTTP gets a hint: {errors}");
    let jerry = tmux.run("jerry", (80, 24), &format!("{BINARY} chat --as jerry --url {url} --ca {ca}"));
    jerry.shows("online");
    jerry.shows("over TLS");
    jerry.says("So I see.");
    jerry.waits_until("ticks", |shown| shown.contains("So I see.") && shown.contains('✓'));
}

/// What `openssl req -x509` makes by default.
#[test]
fn a_certificate_that_is_an_authoritys_is_refused_with_what_to_do() {
    let server = encrypted("TRUE");
    let (ca, url) = (server.setup.path("certificate.pem"), format!("https://{}", server.address));
    let send = ["send", "--as", "tom", "--to", "jerry", "--url", &url, "x", "--ca", ca.to_str().unwrap()];
    let (status, errors) = run(&server.setup.path(""), &send);
    assert!(status == Some(1) && errors.contains("basicConstraints=critical,CA:FALSE"), "{errors}");
}
