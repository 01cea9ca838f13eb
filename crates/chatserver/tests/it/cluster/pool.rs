//! A node with few connections to a database that is locked: requests are refused after a while, none hangs, and when
//! the lock is gone everything works again.

use std::time::{Duration, Instant};

use super::nodes::{Nodes, post, ready_becomes};
#[cfg(feature = "failpoints")]
use crate::support::Stream;
use crate::support::{Answer, User};

const REQUESTS: usize = 100;
/// A request that waits for another waiting one is answered together with it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(7);
const LOCKED: Duration = Duration::from_secs(9);
#[cfg(feature = "failpoints")]
const CLIENTS: usize = 80;

/// Returns each request's answer and duration.
async fn all(asking: Vec<tokio::task::JoinHandle<(Answer, Duration)>>) -> Vec<(Answer, Duration)> {
    let mut answers = Vec::new();
    for asked in asking {
        answers.push(asked.await.unwrap());
    }
    answers
}

fn are_refused(answers: &[(Answer, Duration)]) {
    for (answer, took) in answers {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some(), "{}", answer.text());
        assert!(*took < ANSWERED_WITHIN, "answered after {took:?}");
    }
}

fn reading(tom: &User, jerry: &User) -> Vec<tokio::task::JoinHandle<(Answer, Duration)>> {
    let path = format!("/v1/messages/history/{}", jerry.id);
    let ask = |_| {
        let (tom, path) = (tom.clone(), path.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            (tom.get(&path).await, began.elapsed())
        })
    };
    (0..REQUESTS).map(ask).collect()
}

fn writing(tom: &User, jerry: &User) -> Vec<tokio::task::JoinHandle<(Answer, Duration)>> {
    let ask = |number| {
        let (tom, jerry) = (tom.clone(), jerry.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            (post(&tom, &jerry, &format!("write {number}")).await, began.elapsed())
        })
    };
    (0..REQUESTS).map(ask).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_for_a_locked_database_are_refused_in_time() {
    let nodes = Nodes::start_with(1, |setup| setup.env("DATABASE_CONNECTIONS", "2"));
    let server = &nodes.servers[0];
    let (tom, jerry) = server.tom_and_jerry().await;
    post(&tom, &jerry, "before").await.expect(201);

    let lock = nodes.lock("messages", LOCKED);
    are_refused(&all(reading(&tom, &jerry)).await);
    lock.join().unwrap();
    ready_becomes(server, 200, Duration::from_secs(8)).await;
    for (answer, _) in all(reading(&tom, &jerry)).await {
        assert_eq!(answer.expect(200)["messages"].as_array().unwrap().len(), 1);
    }

    let lock = nodes.lock("log", LOCKED);
    are_refused(&all(writing(&tom, &jerry)).await);
    lock.join().unwrap();
    ready_becomes(server, 200, Duration::from_secs(8)).await;
    for (answer, _) in all(writing(&tom, &jerry)).await {
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    // Refused writes were not stored: the retries are the first messages with their keys.
    let history = tom.all_messages(&format!("/v1/messages/history/{}", jerry.id)).await;
    assert_eq!(history.len(), REQUESTS + 1);
}

#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_clients_come_back_at_once_each_waits_for_its_turn() {
    // Reading what all of them missed takes far longer than a read may wait for a connection.
    let nodes = Nodes::start_with(1, |setup| {
        setup.env("DATABASE_CONNECTIONS", "1").env("CHATSERVER_FAILPOINTS", "slow_pages")
    });
    let server = &nodes.servers[0];
    let (tom, jerry) = server.tom_and_jerry().await;
    let cursor = Stream::connect(server, &jerry).await.cursor;
    post(&tom, &jerry, "meanwhile").await.expect(201);
    let arrive = |_| Stream::resume(server, &jerry, &cursor);
    for (_, missed) in futures_util::future::join_all((0..CLIENTS).map(arrive)).await {
        assert!(missed.iter().any(|frame| frame["message"]["content"] == "meanwhile"), "{missed:?}");
    }
}
