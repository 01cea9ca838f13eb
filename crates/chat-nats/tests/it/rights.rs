//! Servers that require credentials and restrict permissions, and nodes of the previous release.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_core::cluster::Link;
use chat_core::ids::{ConversationId, UserId};
use chat_core::sync::Epoch;
use chat_engines::Nats;
use chat_nats::{NatsBus, NatsOptions};
use chat_relay::inbox::channel;
use chat_relay::{Bus, Subject};
use data_encoding::BASE64URL_NOPAD;
use futures_util::StreamExt;
use nkeys::KeyPair;
use tempfile::TempDir;

use crate::support::{DEADLINE, End, eventually};

const TOM: Subject = Subject::User(UserId(1));
const MICE: Subject = Subject::Group(ConversationId(1));

/// Options as this release uses them.
fn options(servers: &str) -> NatsOptions {
    NatsOptions {
        servers: servers.into(),
        prefix: "chat".into(),
        epoch: Epoch(0x0bad_cafe),
        ..NatsOptions::default()
    }
}

async fn end(options: NatsOptions) -> End {
    let (inbox, incoming) = channel();
    End { bus: NatsBus::connect(options, inbox).await.unwrap(), incoming }
}

async fn joined(options: NatsOptions) -> End {
    let end = end(options).await;
    end.wait_for(Link::Up);
    end
}

/// A server with these permissions for every client.
fn server_with(publish: &str, subscribe: &str) -> Nats {
    Nats::start_with(&rights(publish, subscribe)).unwrap()
}

fn rights(publish: &str, subscribe: &str) -> String {
    let rights = format!("permissions: {{ publish: {publish}, subscribe: {subscribe} }}");
    format!("authorization {{ users: [ {{ user: node, password: node, {rights} }} ] }}\nno_auth_user: node")
}

/// What a node needs.
const ALL: &str = "[\"chat.>\"]";

/// Connects two buses and checks that they reach each other on every kind of subject.
async fn reach_each_other(options: impl Fn() -> NatsOptions) {
    let (one, other) = (joined(options()).await, joined(options()).await);
    for subject in [Subject::Log, Subject::Everyone, Subject::Node, TOM, MICE] {
        other.bus.subscribe(subject);
        one.reaches(&other, subject, "here");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_below_the_prefix_are_all_that_a_node_needs() {
    let rights = format!("permissions: {{ publish: {ALL}, subscribe: {ALL} }}");
    let settings = format!("authorization {{ users: [ {{ user: tom, password: \"a/b\", {rights} }} ] }}");
    let server = Nats::start_with(&settings).unwrap();
    let url = server.url().replace("nats://", "nats://tom:a%2Fb@");
    reach_each_other(|| options(&url)).await;
}

/// The server answers after its refusals; so a node need not wait to see whether more come.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_never_up_without_all_permissions_and_soon_up_with_them() {
    let all_but = |kind| format!("{{ allow: [\"chat.>\"], deny: [\"chat.*.{kind}\"] }}");
    for kind in ["log", "all", "node", "u.*", "g.*"] {
        let rights = all_but(kind);
        for (publish, subscribe) in [(&*rights, ALL), (ALL, &*rights)] {
            let server = server_with(publish, subscribe);
            let end = end(options(&server.url())).await;
            eventually("something is refused", || {
                assert_eq!(end.incoming.link(), Link::Down, "{publish} {subscribe}");
                std::fs::read_to_string(server.log()).unwrap().contains("Violation")
            });
            // The answer would have arrived by the end of this time.
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(100) {
                assert_eq!(end.incoming.link(), Link::Down, "{publish} {subscribe}");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    let server = server_with(ALL, ALL);
    let took = (0..5).map(async |_| {
        let began = Instant::now();
        let _end = joined(options(&server.url())).await;
        began.elapsed()
    });
    let took = futures_util::future::join_all(took).await.into_iter().min().unwrap();
    assert!(took < Duration::from_millis(150), "{took:?}");
}

/// A single subject of an allowed kind may be refused, and it may be used long after the permission check.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_without_permission_for_a_single_subject_stays_down_until_it_is_granted() {
    let all_but_tom = "{ allow: [\"chat.>\"], deny: [\"chat.*.u.1\"] }";
    for (publish, subscribe) in [(all_but_tom, ALL), (ALL, all_but_tom)] {
        let mut server = server_with(publish, subscribe);
        let end = joined(options(&server.url())).await;
        end.bus.subscribe(TOM);
        end.bus.publish(TOM, Bytes::from_static(b"for tom"));
        end.wait_for(Link::Down);
        // The user logs out, but may log in again, so the refusal still counts.
        end.bus.unsubscribe(TOM);
        let log = server.log().to_owned();
        let n_refusals = || std::fs::read_to_string(&log).unwrap().matches("Violation").count();
        let refused_at_first = n_refusals();
        for n_asked in 1..3 {
            eventually("it is asked for again", || {
                assert_eq!(end.incoming.link(), Link::Down);
                n_refusals() >= refused_at_first + n_asked
            });
        }
        server.set(&rights(ALL, ALL)).unwrap();
        end.wait_for(Link::Up);
        let other = joined(options(&server.url())).await;
        end.bus.subscribe(TOM);
        other.reaches(&end, TOM, "for tom");
        end.bus.publish(TOM, Bytes::from_static(b"for tom"));
        other.reaches(&end, TOM, "for tom again");
        assert_eq!(end.incoming.link(), Link::Up);
    }
}

/// A client that subscribes to all subjects does not answer the permission check, and keeps the server from replying
/// that there are no subscribers.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_up_where_another_client_subscribes_to_everything() {
    let server = server_with(ALL, ALL);
    let listener = async_nats::connect(server.url()).await.unwrap();
    let mut all = listener.subscribe("chat.>").await.unwrap();
    listener.flush().await.unwrap();
    let (one, other) = (joined(options(&server.url())).await, joined(options(&server.url())).await);
    other.bus.subscribe(TOM);
    one.reaches(&other, TOM, "here");
    assert!(!one.bus.is_alone() && !other.bus.is_alone());
    assert!(all.next().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_knows_whether_another_one_was_connected_before() {
    let server = Nats::start().unwrap();
    let one = joined(options(&server.url())).await;
    assert!(one.bus.is_alone());
    let other = joined(options(&server.url())).await;
    assert!(!other.bus.is_alone());
    assert!(one.bus.is_alone(), "of when it came");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_logs_in_with_an_nkey() {
    let (user, folder) = (KeyPair::new_user(), TempDir::new().unwrap());
    let settings = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", user.public_key());
    let server = Nats::start_with(&settings).unwrap();
    let file = folder.path().join("node.nk");
    std::fs::write(&file, format!("{}\n", user.seed().unwrap())).unwrap();
    reach_each_other(|| NatsOptions { nkey: Some(file.clone()), ..options(&server.url()) }).await;
}

/// A signed JWT in which `by` makes claims about `of`.
fn claim(by: &KeyPair, of: &KeyPair, name: &str, what: &str) -> String {
    let header = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
    let claims = format!(
        r#"{{"jti":"{name}","iat":1700000000,"iss":"{}","name":"{name}","sub":"{}","nats":{{{what},"version":2}}}}"#,
        by.public_key(),
        of.public_key()
    );
    let signed = [header, &claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
    let signature = BASE64URL_NOPAD.encode(&by.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_logs_in_with_a_credentials_file() {
    let folder = TempDir::new().unwrap();
    let (operator, account, user) = (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_user());
    let limits = r#""subs":-1,"data":-1,"payload":-1"#;
    let of_account = r#""imports":-1,"exports":-1,"wildcards":true,"conn":-1,"leaf":-1"#;
    let operators = claim(&operator, &operator, "O", r#""type":"operator""#);
    let accounts =
        claim(&operator, &account, "A", &format!(r#""type":"account","limits":{{{limits},{of_account}}}"#));
    let users = claim(&account, &user, "U", &format!(r#""type":"user",{limits}"#));
    let settings = format!(
        "operator: {operators}\nresolver: MEMORY\nresolver_preload: {{ {}: {accounts} }}",
        account.public_key()
    );
    let server = Nats::start_with(&settings).unwrap();
    let file = folder.path().join("node.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{users}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    std::fs::write(&file, text).unwrap();
    reach_each_other(|| NatsOptions { credentials: Some(file.clone()), ..options(&server.url()) }).await;
}

/// Creates an authority and a certificate signed by it for this machine.
fn certified(folder: &Path) -> [PathBuf; 3] {
    let config = "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=test\n[authority]\n\
                  basicConstraints=critical,CA:TRUE\n[server]\nbasicConstraints=critical,CA:FALSE\n\
                  subjectAltName=IP:127.0.0.1\n";
    std::fs::write(folder.join("config"), config).unwrap();
    let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -config config";
    for arguments in [
        &format!("req -x509 {new} -days 30 -extensions authority -out ca.pem -keyout ca.key"),
        &format!("req {new} -out server.csr -keyout server.key"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 30 -extfile config -extensions server \
         -out server.pem",
    ] {
        let done = Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }
    ["ca.pem", "server.pem", "server.key"].map(|file| folder.join(file))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_if_configured() {
    let folder = TempDir::new().unwrap();
    let [authority, certificate, key] = certified(folder.path());
    let settings =
        format!("tls {{ cert_file: \"{}\", key_file: \"{}\" }}", certificate.display(), key.display());
    let server = Nats::start_with(&settings).unwrap();
    let url = server.url().replace("nats://", "tls://");
    reach_each_other(|| NatsOptions { authorities: Some(authority.clone()), ..options(&url) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_the_previous_release_exchange_messages_with_those_of_this_one() {
    let server = Nats::start().unwrap();
    let (one, other) = (joined(options(&server.url())).await, joined(options(&server.url())).await);
    for end in [&one, &other] {
        end.bus.subscribe(Subject::Node);
        end.bus.subscribe(TOM);
    }
    // Subjects as such a node writes them.
    let (of_node, of_tom) = ("chat-0badcafe.node", "chat-0badcafe.u.1");
    let old = async_nats::ConnectOptions::new().no_echo().connect(server.url()).await.unwrap();
    let mut heard_by_old = old.subscribe(of_tom).await.unwrap();

    // The old node announces itself, as every node does.
    for end in [&one, &other] {
        while !end.received().iter().any(|payload| payload == "I am here") {
            old.publish(of_node, Bytes::from_static(b"I am here")).await.unwrap();
        }
        while !end.received().iter().any(|payload| payload == "from the old one") {
            old.publish(of_tom, Bytes::from_static(b"from the old one")).await.unwrap();
        }
    }
    one.reaches(&other, TOM, "a mark");
    while !other.received().is_empty() {}
    assert!(one.bus.publish(TOM, Bytes::from_static(b"once")));
    let received = async {
        while let Some(message) = heard_by_old.next().await {
            if message.payload == "once" {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, received).await.unwrap();
    // A node of this release delivers once what was published on both subjects.
    let mut received = Vec::new();
    while !received.contains(&Bytes::from_static(b"a second mark")) {
        one.bus.publish(TOM, Bytes::from_static(b"a second mark"));
        received.extend(other.received());
    }
    received.extend(other.received());
    assert_eq!(received.iter().filter(|payload| *payload == "once").count(), 1, "{received:?}");
}
