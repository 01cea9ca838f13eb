//! A batch in the journal that a node can't read, as one of another release may be: its clients are not left without
//! what is in there, and nothing waits for it.

use chat_engines::Postgres;

use super::nodes::{DATABASE, Nodes, at, post};
use crate::support::{Server, Stream, User};

/// What spoils the batch that it is in.
const SPOILT: &str = "mouldy cheese";

/// From now on the batch with that message reaches the journal in a form that nobody can read.
fn spoil(postgres: &Postgres) {
    let statements = format!(
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             NEW.body := convert_to('[{{\"position\":1,\"kind\":\"message_posted\",\"body\":{{}}}}]', 'UTF8');
             RETURN NEW;
         END $$;
         CREATE TRIGGER spoil BEFORE INSERT ON journal FOR EACH ROW
             WHEN (position('{SPOILT}'::bytea IN NEW.body) > 0) EXECUTE FUNCTION spoil()"
    );
    postgres.databases().execute(DATABASE, &statements).unwrap();
}

/// The stream of somebody who comes again with the cursor of the one before, once that is closed.
async fn comes_again(mut before: Stream, server: &Server, user: &User) -> (Stream, Vec<String>) {
    assert_eq!(before.closed().await, 1012);
    let (stream, missed) = Stream::resume(server, user, &before.cursor).await;
    let content = |frame: &serde_json::Value| frame["message"]["content"].as_str().map(str::to_owned);
    (stream, missed.iter().filter_map(content).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_a_node_that_cannot_read_a_batch_resume_and_miss_nothing() {
    // Without NATS, so that the second node has nothing but the journal.
    let nodes = Nodes::start_with(2, |setup| setup.env("NATS_URL", ""));
    let (tom, jerry) = nodes.servers[0].tom_and_jerry().await;
    let there = &nodes.servers[1];
    let mut jerrys = Stream::connect(there, &jerry).await;
    assert_eq!(post(&tom, &jerry, "before").await.status, 201);
    jerrys.told_until("before").await;

    spoil(&nodes.postgres);
    assert_eq!(post(&tom, &jerry, SPOILT).await.status, 201);
    let (mut jerrys, missed) = comes_again(jerrys, there, &jerry).await;
    assert_eq!(missed, [SPOILT]);

    // It is behind it for good: what comes later is told as ever, on this very stream.
    for key in ["after", "and after"] {
        assert_eq!(post(&tom, &jerry, key).await.status, 201);
        jerrys.told_until(key).await;
    }
    assert_eq!(post(&at(there, &jerry), &tom, "answer").await.status, 201);
    jerrys.told_until("answer").await;
}
