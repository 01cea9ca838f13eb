//! How a node starts if a setting is wrong or a dependency is missing.

use std::time::Duration;

use chat_engines::Postgres;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::nodes::{DATABASE, post};
use crate::support::Setup;

#[test]
fn what_is_wrong_with_the_way_to_nats_is_said_in_one_sentence() {
    let postgres = Postgres::start().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"));
    postgres.create_database(DATABASE).unwrap();
    for (setting, value, says) in [
        ("NATS_CREDS_FILE", "/nowhere/node.creds", "NATS_CREDS_FILE"),
        ("NATS_CA_FILE", "/nowhere/ca.pem", "NATS_CA_FILE"),
        ("NATS_NKEY_FILE", "/nowhere/node.nk", "NATS_NKEY_FILE"),
        ("NATS_URL", "foo://x", "nats://"),
    ] {
        let setup = Setup::new().on_one_node("it is a node that does not start");
        let setup = setup.env("DATABASE_URL", &postgres.url(DATABASE)).env("NATS_URL", "nats://127.0.0.1:1");
        setup.env(setting, value).refuse().says(says);
    }
}

/// Returns a host that seems to be switched off, for as long as the other returned values are kept.
async fn switched_off() -> (u16, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    // Until the queue is full, and the system drops further connection requests.
    while let Ok(connected) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
    }
    (address.port(), listener, waiting)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_starts_beside_hosts_of_which_nothing_is_heard() {
    let postgres = Postgres::start().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"));
    postgres.create_database(DATABASE).unwrap();
    let (off, _listener, _waiting) = switched_off().await;
    // Accepts connections and sends nothing.
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hung = hangs.local_addr().unwrap().port();
    for silent in [vec![off], vec![hung], vec![off, hung]] {
        let hosts: Vec<_> =
            silent.iter().chain([&postgres.port()]).map(|port| format!("127.0.0.1:{port}")).collect();
        let url = format!("postgres://postgres@{}/{DATABASE}", hosts.join(","));
        let setup = Setup::new().on_one_node("it is a node of its own").env("DATABASE_URL", &url);
        let server = setup.start();
        let (tom, jerry) = server.tom_and_jerry().await;
        assert_eq!(post(&tom, &jerry, &format!("beside {silent:?}")).await.status, 201);
    }
}

#[test]
fn of_several_hosts_it_is_said_what_is_wrong_with_each() {
    let free = chat_engines::free_port().unwrap();
    let url = format!("postgres://postgres@127.0.0.1:{free},nowhere.invalid:5/{DATABASE}");
    let setup = Setup::new().on_one_node("it is a node that does not start").env("DATABASE_URL", &url);
    let refusal = setup.refuse();
    refusal.says(&format!("127.0.0.1:{free}: error connecting to server: Connection refused"));
    refusal.says("nowhere.invalid:5: no address is known for its name");
}
