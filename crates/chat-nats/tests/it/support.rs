//! Buses on a server, and helpers that wait for a state or a message.

use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_core::cluster::Link;
use chat_core::sync::Epoch;
use chat_nats::{NatsBus, NatsOptions};
use chat_relay::inbox::channel;
use chat_relay::{Bus, Incoming, Subject};

/// Epoch of the log that every end follows at first.
pub(crate) const EPOCH: Epoch = Epoch(1);
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
/// A message that takes longer than this does not come.
const SOON: Duration = Duration::from_millis(20);

/// Waits until the condition holds, at most [`DEADLINE`].
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// One node's end of the bus.
pub(crate) struct End {
    pub(crate) bus: NatsBus,
    pub(crate) incoming: Incoming,
}

pub(crate) fn options(servers: &str) -> NatsOptions {
    NatsOptions {
        servers: servers.into(),
        prefix: "test".into(),
        epoch: EPOCH,
        name: "a test".into(),
        ..NatsOptions::default()
    }
}

impl End {
    /// Starts to connect and does not wait for the link.
    pub(crate) async fn begin(servers: &str) -> Self {
        let (inbox, incoming) = channel();
        let bus = NatsBus::connect(options(servers), inbox).await.unwrap();
        Self { bus, incoming }
    }

    /// Connects and waits until the link is up.
    pub(crate) async fn connect(servers: &str) -> Self {
        let end = Self::begin(servers).await;
        end.wait_for(Link::Up);
        end
    }

    pub(crate) fn wait_for(&self, link: Link) {
        eventually("the link", || self.incoming.link() == link);
    }

    /// Publishes until the other end receives it: there is no notice of when a subscription has taken effect.
    pub(crate) fn reaches(&self, other: &Self, subject: Subject, text: &'static str) {
        let began = Instant::now();
        while !other.received().iter().any(|payload| payload == text) {
            assert!(began.elapsed() < DEADLINE, "{text} never arrives");
            self.bus.publish(subject, Bytes::from_static(text.as_bytes()));
        }
    }

    /// The messages that have arrived or arrive soon.
    pub(crate) fn received(&self) -> Vec<Bytes> {
        std::iter::from_fn(|| self.incoming.next(SOON)).collect()
    }
}
