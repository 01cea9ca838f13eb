//! What a bus guarantees, and how it behaves when its server fails.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_core::cluster::Link;
use chat_core::ids::{ConversationId, UserId};
use chat_core::sync::Epoch;
use chat_engines::Nats;
use chat_nats::NatsBus;
use chat_relay::inbox::channel;
use chat_relay::{Bus, Subject};

use crate::support::{DEADLINE, End, options};

const TOM: Subject = Subject::User(UserId(1));
const MICE: Subject = Subject::Group(ConversationId(1));

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_gets_its_subject_and_nothing_else() {
    let server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    other.bus.subscribe(TOM);
    one.reaches(&other, TOM, "for tom");
    one.bus.publish(MICE, Bytes::from_static(b"for the mice"));
    one.reaches(&other, TOM, "for tom again");
    other.bus.subscribe(MICE);
    one.reaches(&other, MICE, "for the mice now");

    other.bus.unsubscribe(TOM);
    // Repeats until the unsubscription has taken effect.
    loop {
        one.bus.publish(TOM, Bytes::from_static(b"for nobody"));
        one.reaches(&other, MICE, "a mark");
        one.bus.publish(TOM, Bytes::from_static(b"for nobody"));
        one.bus.publish(MICE, Bytes::from_static(b"the end"));
        let received = other.received();
        if received.iter().all(|payload| payload != "for nobody") && received.iter().any(|it| it == "the end")
        {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_do_not_get_their_own_messages_or_those_of_other_clusters() {
    let server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    one.bus.subscribe(Subject::Log);
    other.bus.subscribe(Subject::Log);
    other.reaches(&one, Subject::Log, "one listens");
    one.reaches(&other, Subject::Log, "from one");
    assert!(one.received().iter().all(|payload| payload != "from one"));

    let (inbox, incoming) = channel();
    let elsewhere = chat_nats::NatsOptions { prefix: "elsewhere".into(), ..options(&server.url()) };
    let stranger = NatsBus::connect(elsewhere, inbox).await.unwrap();
    stranger.subscribe(Subject::Log);
    stranger.publish(Subject::Log, Bytes::from_static(b"from afar"));
    one.reaches(&other, Subject::Log, "at home");
    assert_eq!(incoming.next(Duration::ZERO), None);
    assert!(other.received().iter().all(|payload| payload != "from afar"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_found_again_and_subscriptions_last() {
    let mut server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    other.bus.subscribe(TOM);
    one.reaches(&other, TOM, "before");
    server.kill().unwrap();
    one.wait_for(Link::Down);
    other.wait_for(Link::Down);
    assert!(!one.bus.is_up());
    // A subscription requested while the server is down counts as well.
    other.bus.subscribe(MICE);
    server.start_again().unwrap();
    one.wait_for(Link::Up);
    other.wait_for(Link::Up);
    one.reaches(&other, TOM, "after");
    one.reaches(&other, MICE, "and this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_noticed() {
    let mut server = Nats::start().unwrap();
    let end = End::connect(&server.url()).await;
    server.pause().unwrap();
    let began = Instant::now();
    end.wait_for(Link::Down);
    let took = began.elapsed();
    // Three pings, and slack for a busy machine.
    assert!(took < Duration::from_secs(8), "{took:?}");
    server.resume().unwrap();
    end.wait_for(Link::Up);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_does_not_wait_for_its_server() {
    let mut server = Nats::start().unwrap();
    server.kill().unwrap();
    let (one, other) = (End::begin(&server.url()).await, End::begin(&server.url()).await);
    assert_eq!(one.incoming.link(), Link::Down);
    other.bus.subscribe(TOM);
    // Far more than the queue holds: the rest is dropped, and `publish` does not block.
    let n_taken = (0..50_000).filter(|_| one.bus.publish(TOM, Bytes::from_static(b"early"))).count();
    assert!((1000..50_000).contains(&n_taken), "{n_taken}");
    server.start_again().unwrap();
    one.wait_for(Link::Up);
    other.wait_for(Link::Up);
    one.reaches(&other, TOM, "at last");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_of_the_list_takes_over() {
    let mut first = Nats::start().unwrap();
    let second = Nats::start().unwrap();
    first.kill().unwrap();
    let servers = format!("{},{}", first.url(), second.url());
    let (one, other) = (End::connect(&servers).await, End::connect(&servers).await);
    other.bus.subscribe(TOM);
    one.reaches(&other, TOM, "over the second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_follows_another_log_gets_the_same_subjects_of_that_log_only() {
    let server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    for end in [&one, &other] {
        end.bus.subscribe(TOM);
    }
    one.reaches(&other, TOM, "before");
    one.bus.follow(Epoch(2));
    one.bus.publish(TOM, Bytes::from_static(b"of the other log"));
    assert!(other.received().iter().all(|payload| payload != "of the other log"));
    other.bus.follow(Epoch(2));
    one.reaches(&other, TOM, "to those who follow");
    other.reaches(&one, TOM, "and back");
    // A third bus that connects later reaches them.
    let (inbox, incoming) = channel();
    let later = chat_nats::NatsOptions { epoch: Epoch(2), ..options(&server.url()) };
    let third = End { bus: NatsBus::connect(later, inbox).await.unwrap(), incoming };
    third.bus.subscribe(TOM);
    one.reaches(&third, TOM, "to the third");
    // A subject unsubscribed after the change of logs stays unsubscribed.
    other.bus.unsubscribe(TOM);
    let began = Instant::now();
    loop {
        one.bus.publish(TOM, Bytes::from_static(b"once more"));
        if other.received().iter().all(|payload| payload != "once more") {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "it still listens");
    }
}
