//! What a bus promises, and what it does when its server fails.

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
async fn whoever_listens_to_a_subject_hears_of_it_and_of_nothing_else() {
    let server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    other.bus.subscribe(TOM);
    one.reaches(&other, TOM, "for tom");
    one.bus.publish(MICE, Bytes::from_static(b"for the mice"));
    one.reaches(&other, TOM, "for tom again");
    other.bus.subscribe(MICE);
    one.reaches(&other, MICE, "for the mice now");

    other.bus.unsubscribe(TOM);
    // Once it has taken effect.
    loop {
        one.bus.publish(TOM, Bytes::from_static(b"for nobody"));
        one.reaches(&other, MICE, "a mark");
        one.bus.publish(TOM, Bytes::from_static(b"for nobody"));
        one.bus.publish(MICE, Bytes::from_static(b"the end"));
        let heard = other.heard();
        if heard.iter().all(|payload| payload != "for nobody") && heard.iter().any(|it| it == "the end") {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_themselves_and_clusters_do_not_hear_each_other() {
    let server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    one.bus.subscribe(Subject::Log);
    other.bus.subscribe(Subject::Log);
    other.reaches(&one, Subject::Log, "one listens");
    one.reaches(&other, Subject::Log, "from one");
    assert!(one.heard().iter().all(|payload| payload != "from one"));

    let (inbox, incoming) = channel();
    let elsewhere = chat_nats::NatsOptions { prefix: "elsewhere".into(), ..options(&server.url()) };
    let stranger = NatsBus::connect(elsewhere, inbox).await.unwrap();
    stranger.subscribe(Subject::Log);
    stranger.publish(Subject::Log, Bytes::from_static(b"from afar"));
    one.reaches(&other, Subject::Log, "at home");
    assert_eq!(incoming.next(Duration::ZERO), None);
    assert!(other.heard().iter().all(|payload| payload != "from afar"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_is_found_again_and_subscriptions_last() {
    let mut server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    other.bus.subscribe(TOM);
    one.reaches(&other, TOM, "before");
    server.kill().unwrap();
    one.comes_to_be(Link::Down);
    other.comes_to_be(Link::Down);
    assert!(!one.bus.is_up());
    // What is wished for meanwhile counts as well.
    other.bus.subscribe(MICE);
    server.start_again().unwrap();
    one.comes_to_be(Link::Up);
    other.comes_to_be(Link::Up);
    one.reaches(&other, TOM, "after");
    one.reaches(&other, MICE, "and this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_noticed() {
    let mut server = Nats::start().unwrap();
    let end = End::connect(&server.url()).await;
    server.pause().unwrap();
    let began = Instant::now();
    end.comes_to_be(Link::Down);
    let took = began.elapsed();
    // Three pings; the rest is for a busy machine.
    assert!(took < Duration::from_secs(8), "{took:?}");
    server.resume().unwrap();
    end.comes_to_be(Link::Up);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_does_not_wait_for_its_server() {
    let mut server = Nats::start().unwrap();
    server.kill().unwrap();
    let (one, other) = (End::begin(&server.url()).await, End::begin(&server.url()).await);
    assert_eq!(one.incoming.link(), Link::Down);
    other.bus.subscribe(TOM);
    // Far more than waits to be sent: what finds no room is dropped, and nobody is held up.
    let n_taken = (0..50_000).filter(|_| one.bus.publish(TOM, Bytes::from_static(b"early"))).count();
    assert!((1000..50_000).contains(&n_taken), "{n_taken}");
    server.start_again().unwrap();
    one.comes_to_be(Link::Up);
    other.comes_to_be(Link::Up);
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
async fn whoever_follows_another_log_hears_of_that_one_alone_and_of_the_same_subjects() {
    let server = Nats::start().unwrap();
    let (one, other) = (End::connect(&server.url()).await, End::connect(&server.url()).await);
    for end in [&one, &other] {
        end.bus.subscribe(TOM);
    }
    one.reaches(&other, TOM, "before");
    one.bus.follow(Epoch(2));
    one.bus.publish(TOM, Bytes::from_static(b"of the other log"));
    assert!(other.heard().iter().all(|payload| payload != "of the other log"));
    other.bus.follow(Epoch(2));
    one.reaches(&other, TOM, "to those who follow");
    other.reaches(&one, TOM, "and back");
    // A third that begins later finds them.
    let (inbox, incoming) = channel();
    let later = chat_nats::NatsOptions { epoch: Epoch(2), ..options(&server.url()) };
    let third = End { bus: NatsBus::connect(later, inbox).await.unwrap(), incoming };
    third.bus.subscribe(TOM);
    one.reaches(&third, TOM, "to the third");
    // A subject that is let go of after the turn stays so.
    other.bus.unsubscribe(TOM);
    let began = Instant::now();
    loop {
        one.bus.publish(TOM, Bytes::from_static(b"once more"));
        if other.heard().iter().all(|payload| payload != "once more") {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "it still listens");
    }
}
