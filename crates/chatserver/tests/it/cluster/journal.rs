//! A batch in the journal that a node cannot read, such as one of another release: its clients still get the events in
//! it, and nothing waits for it.

use chat_engines::Postgres;

use super::nodes::{DATABASE, Nodes, at, post};
use crate::support::{Server, Stream, User};

/// A message with this text makes its batch unreadable.
const SPOILED: &str = "mouldy cheese";

/// Makes batches with that message reach the journal in an unreadable form from now on.
fn spoil(postgres: &Postgres) {
    let statements = format!(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             NEW.body := convert_to('[{{\"position\":1,\"kind\":\"message_posted\",\"body\":{{}}}}]', 'UTF8');
             RETURN NEW;
         END $$;
         CREATE TRIGGER spoil BEFORE INSERT ON journal FOR EACH ROW
             WHEN (position('{SPOILED}'::bytea IN NEW.body) > 0) EXECUTE FUNCTION spoil()"
    );
    postgres.databases().execute(DATABASE, &statements).unwrap();
}

/// Waits until a stream is closed and resumes from its cursor. Returns the new stream.
async fn comes_again(mut before: Stream, server: &Server, user: &User) -> (Stream, Vec<String>) {
    assert_eq!(before.closed().await, 1012);
    let (stream, missed) = Stream::resume(server, user, &before.cursor).await;
    let content = |frame: &serde_json::Value| frame["message"]["content"].as_str().map(str::to_owned);
    (stream, missed.iter().filter_map(content).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_a_node_that_cannot_read_a_batch_resume_and_miss_nothing() {
    // Without NATS, so that the second node has only the journal.
    let nodes = Nodes::start_with(2, |setup| setup.env("NATS_URL", ""));
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let there = &nodes.servers[1];
    let mut jerrys = Stream::connect(there, &jerry).await;
    assert_eq!(post(&tom, &jerry, "before").await.status, 201);
    jerrys.received_until("before").await;

    spoil(&nodes.postgres);
    assert_eq!(post(&tom, &jerry, SPOILED).await.status, 201);
    let (mut jerrys, missed) = comes_again(jerrys, there, &jerry).await;
    assert_eq!(missed, [SPOILED]);

    // The node is past the batch for good: later events arrive on this very stream as usual.
    for key in ["after", "and after"] {
        assert_eq!(post(&tom, &jerry, key).await.status, 201);
        jerrys.received_until(key).await;
    }
    assert_eq!(post(&at(there, &jerry), &tom, "answer").await.status, 201);
    jerrys.received_until("answer").await;
}
