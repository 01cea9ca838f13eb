//! How a node starts where what it needs is set wrong.

use chat_engines::Postgres;

use super::nodes::DATABASE;
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
