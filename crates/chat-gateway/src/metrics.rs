//! The gateway's metrics. Each value has a handle that is made once, so counting only adds to an atomic number. Labels
//! are fixed in advance and never come from a client, so the number of series is bounded.

mod page;
mod queues;
pub(crate) mod requests;

use std::sync::Arc;

use chat_core::posting::Posted;
use chat_protocol::close_codes;
use chat_websocket::close_code;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::answers::AnswerCounts;
use crate::clock::Measured;
use crate::hub::full::Full;
use crate::hub::protocol::Protocol;
use crate::limits::Policy;
pub use page::metrics_router;
pub(crate) use queues::Queues;
pub use requests::Requests;

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The close codes with a series of their own, and their label.
const CODES: [(u16, &str); 13] = [
    (close_code::NORMAL, "1000"),
    (close_code::GOING_AWAY, "1001"),
    (close_code::PROTOCOL_ERROR, "1002"),
    (close_code::UNSUPPORTED, "1003"),
    (close_code::INVALID_PAYLOAD, "1007"),
    (close_code::POLICY_VIOLATION, "1008"),
    (close_code::MESSAGE_TOO_BIG, "1009"),
    (close_code::INTERNAL_ERROR, "1011"),
    (close_code::SERVICE_RESTART, "1012"),
    (close_code::TRY_AGAIN_LATER, "1013"),
    (close_codes::TOKEN_EXPIRED, "4001"),
    (close_codes::TOO_SLOW, "4008"),
    (close_codes::TOO_MANY, "4029"),
];

/// The transport by which a message came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Rest,
    V1,
    V2,
}

impl Transport {
    const ALL: [Self; 3] = [Self::Rest, Self::V1, Self::V2];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::V1 => "v1",
            Self::V2 => "v2",
        }
    }
}

/// Why a connection was refused. The discriminants are indexes of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    User,
    Server,
    Draining,
    Unauthenticated,
    Address,
}

impl Refused {
    const ALL: [Self; 5] = [Self::User, Self::Server, Self::Draining, Self::Unauthenticated, Self::Address];

    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Server => "server",
            Self::Draining => "draining",
            Self::Unauthenticated => "unauthenticated",
            Self::Address => "address",
        }
    }
}

/// Result of sending a message. The discriminants are indexes of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Accepted,
    Duplicate,
    Refused,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Accepted, Self::Duplicate, Self::Refused];

    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Refused => "refused",
        }
    }
}

/// Which queue had no room for a typing signal. The discriminants are indexes of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShedBy {
    Hub,
    Client,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closed {
    /// With a code, which has its own series if it is one of [`CODES`].
    With(u16),
    WithoutCode,
}

impl Closed {
    const N: usize = CODES.len() + 2;

    fn labels() -> [&'static str; Self::N] {
        let last = Self::N - 1;
        std::array::from_fn(|index| match CODES.get(index) {
            Some((_, code)) => code,
            None if index == last => "none",
            None => "other",
        })
    }

    /// Index among the labels.
    fn index(self) -> usize {
        match self {
            Self::With(code) => CODES.iter().position(|(known, _)| *known == code).unwrap_or(CODES.len()),
            Self::WithoutCode => Self::N - 1,
        }
    }
}

/// How a v2 stream starts. The discriminants are indexes of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// It resumed and was sent what it had missed.
    Missed,
    /// Its cursor could not be served.
    Resync,
    /// It had no cursor.
    Fresh,
}

/// Values of one metric that differ by one label.
#[derive(Debug)]
struct ByLabel<M, const N: usize> {
    family: Family<Labels<1>, M>,
    each: [M; N],
}

impl<M: Default + Clone, const N: usize> ByLabel<M, N> {
    fn new(label: &'static str, values: [&'static str; N]) -> Self {
        let family = Family::default();
        let each = values.map(|value| M::clone(&family.get_or_create(&[(label, value)])));
        Self { family, each }
    }
}

/// The handles of all metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    connections: ByLabel<Gauge, 2>,
    refused: ByLabel<Counter, { Refused::ALL.len() }>,
    sends: Family<Labels<2>, Counter>,
    /// By transport, then by outcome.
    sent: [[Counter; Outcome::ALL.len()]; Transport::ALL.len()],
    /// Event frames queued to clients.
    pub(crate) deliveries: Counter,
    /// Large responses that clients have not read yet.
    pub(crate) answers: AnswerCounts,
    signals_shed: ByLabel<Counter, 2>,
    slow_closes: Counter,
    limited: ByLabel<Counter, { Policy::ALL.len() }>,
    closes: ByLabel<Counter, { Closed::N }>,
    resumes: ByLabel<Counter, 3>,
    replayed: ByLabel<Counter, 2>,
    /// HTTP requests by route.
    pub(crate) requests: Arc<Requests>,
    /// Whether a durable write succeeded at the last scrape.
    ready: Gauge,
    /// Offset of this machine's clock from the database's.
    pub(crate) skew: Measured,
}

impl Metrics {
    /// All metrics at zero, except for what `requests` has counted.
    pub(crate) fn new(requests: Arc<Requests>) -> Self {
        let sends = Family::<Labels<2>, Counter>::default();
        let outcomes = |transport: Transport| {
            Outcome::ALL.map(|outcome| {
                let labels = [("door", transport.as_str()), ("outcome", outcome.as_str())];
                sends.get_or_create(&labels).clone()
            })
        };
        let sent = Transport::ALL.map(outcomes);
        Self {
            connections: ByLabel::new("protocol", ["v1", "v2"]),
            refused: ByLabel::new("reason", Refused::ALL.map(Refused::as_str)),
            sends,
            sent,
            deliveries: Counter::default(),
            answers: AnswerCounts::default(),
            signals_shed: ByLabel::new("by", ["hub", "client"]),
            slow_closes: Counter::default(),
            limited: ByLabel::new("policy", Policy::ALL.map(Policy::name)),
            closes: ByLabel::new("code", Closed::labels()),
            resumes: ByLabel::new("outcome", ["resumed", "resync", "fresh"]),
            replayed: ByLabel::new("protocol", ["v1", "v2"]),
            requests,
            ready: Gauge::default(),
            skew: Measured::default(),
        }
    }

    /// Registers all metrics under their documented names.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let connections = self.connections.family.clone();
        registry.register("connections", "WebSocket connections by stream", connections);
        let refused = self.refused.family.clone();
        registry.register("connections_refused", "WebSocket connections refused, by reason", refused);
        registry.register("sends", "Messages sent by clients, by transport and outcome", self.sends.clone());
        let deliveries = self.deliveries.clone();
        registry.register("fanout_deliveries", "Event frames queued to clients", deliveries);
        registry.register_with_unit(
            "answers_waiting",
            "Bytes of large responses that clients have not read yet",
            Unit::Bytes,
            self.answers.waiting.clone(),
        );
        registry.register(
            "answers_dropped",
            "Connections cut off with a large response because others needed the room",
            self.answers.dropped.clone(),
        );
        let shed = self.signals_shed.family.clone();
        registry.register("signals_shed", "Typing signals dropped because a queue was full", shed);
        let slow = self.slow_closes.clone();
        registry.register("slow_closes", "Connections closed because the client read too slowly", slow);
        let limited = self.limited.family.clone();
        registry.register("rate_limited", "Requests and frames refused by a rate limit, by limit", limited);
        let closes = self.closes.family.clone();
        registry.register("closes", "Closed connections, by the server's close code", closes);
        let resumes = self.resumes.family.clone();
        registry.register("resumes", "Opened v2 streams, by how they started", resumes);
        let replayed = self.replayed.family.clone();
        registry.register("replayed_events", "Events sent to clients that had missed them", replayed);
        registry.register(
            "ready",
            "1 if a durable write succeeded when this page was scraped, else 0",
            self.ready.clone(),
        );
        registry.register_collector(Box::new(requests::Collected(self.requests.clone())));
        registry.register_collector(Box::new(self.skew.clone()));
    }

    /// Counts a connection until the returned value is dropped.
    pub(crate) fn connected(&self, protocol: Protocol) -> Counted {
        let gauge = self.connections.each[index(protocol)].clone();
        gauge.inc();
        Counted(gauge)
    }

    /// Counts a connection refused for want of a slot.
    pub(crate) fn refused(&self, full: Full) {
        match full {
            Full::User => self.refused.each[Refused::User as usize].inc(),
            Full::Server => self.refused.each[Refused::Server as usize].inc(),
        };
    }

    /// Counts a connection refused while the server shuts down.
    pub(crate) fn refused_while_draining(&self) {
        self.refused.each[Refused::Draining as usize].inc();
    }

    /// Counts a connection refused for want of a valid token.
    pub(crate) fn refused_unauthenticated(&self) {
        self.refused.each[Refused::Unauthenticated as usize].inc();
    }

    /// Counts a connection refused because its address is at its limit.
    pub(crate) fn refused_by_address(&self) {
        self.refused.each[Refused::Address as usize].inc();
    }

    /// Counts a message from a client.
    pub(crate) fn sent(&self, transport: Transport, posted: &chat_core::Result<Posted>) {
        let outcome = match posted {
            Ok(Posted::New { .. }) => Outcome::Accepted,
            Ok(Posted::Duplicate(_)) => Outcome::Duplicate,
            Err(_) => Outcome::Refused,
        };
        self.sent[transport as usize][outcome as usize].inc();
    }

    /// Counts a signal dropped because a shard was too far behind.
    pub(crate) fn signal_shed_by_hub(&self) {
        self.signals_shed.each[ShedBy::Hub as usize].inc();
    }

    /// Counts a signal dropped because a client was too far behind.
    pub(crate) fn signal_shed_by_client(&self) {
        self.signals_shed.each[ShedBy::Client as usize].inc();
    }

    /// Counts a refusal by this limit.
    pub(crate) fn limited(&self, policy: Policy) {
        if let Some(counter) = self.limited.each.get(policy as usize) {
            counter.inc();
        }
    }

    /// Counts a connection closed with this code.
    pub(crate) fn closed(&self, code: u16) {
        if code == close_codes::TOO_SLOW {
            self.slow_closes.inc();
        }
        self.closes.each[Closed::With(code).index()].inc();
    }

    /// Counts a connection that ended without a close code.
    pub(crate) fn closed_without_code(&self) {
        self.closes.each[Closed::WithoutCode.index()].inc();
    }

    /// Counts an opened v2 stream.
    pub(crate) fn begun(&self, how: Beginning) {
        self.resumes.each[how as usize].inc();
    }

    /// Counts missed events sent to a client.
    pub(crate) fn replayed(&self, protocol: Protocol, events: usize) {
        self.replayed.each[index(protocol)].inc_by(u64::try_from(events).unwrap_or(0));
    }

    fn set_ready(&self, ready: bool) {
        self.ready.set(i64::from(ready));
    }
}

fn index(protocol: Protocol) -> usize {
    match protocol {
        Protocol::V1 => 0,
        Protocol::V2 => 1,
    }
}

/// Counts something in a gauge until it is dropped.
pub(crate) struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(Arc::new(Requests::of(&crate::openapi())))
    }

    fn page(metrics: &Metrics) -> String {
        let mut registry = Registry::with_prefix("chatserver");
        metrics.register(&mut registry);
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
        page
    }

    #[test]
    fn a_code_that_clients_made_up_makes_no_series() {
        let metrics = metrics();
        let series = page(&metrics).lines().count();
        for code in [1000, 4008, 3000, 4999] {
            metrics.closed(code);
        }
        metrics.closed_without_code();
        let page = page(&metrics);
        assert_eq!(page.lines().count(), series);
        for (code, count) in [("1000", 1), ("4008", 1), ("other", 2), ("none", 1), ("1001", 0)] {
            assert!(
                page.contains(&format!("chatserver_closes_total{{code=\"{code}\"}} {count}\n")),
                "{page}"
            );
        }
        assert!(page.contains("chatserver_slow_closes_total 1\n"), "{page}");
    }

    #[test]
    fn a_connection_counts_as_long_as_it_is_there() {
        let metrics = metrics();
        let counted = metrics.connected(Protocol::V2);
        assert!(page(&metrics).contains("chatserver_connections{protocol=\"v2\"} 1\n"));
        drop(counted);
        assert!(page(&metrics).contains("chatserver_connections{protocol=\"v2\"} 0\n"));
    }
}
