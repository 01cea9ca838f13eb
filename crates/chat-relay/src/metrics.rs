//! The relay's metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The relay's counters. Cheap to clone; all clones share their values.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) published: Counter,
    pub(crate) received: Counter,
    pub(crate) delivered: Counter,
    pub(crate) reads: Counter,
    pub(crate) read_events: Counter,
    pub(crate) failed_reads: Counter,
    pub(crate) late: Counter,
    pub(crate) dropped: Counter,
    pub(crate) resumes: Counter,
    pub(crate) switches: Counter,
    pub(crate) lag: Gauge<u64, AtomicU64>,
    pub(crate) up: Gauge<u64, AtomicU64>,
}

impl Metrics {
    /// Adds them to a registry. Leaves out `relay_bus_up` without a bus.
    pub fn register(&self, registry: &mut Registry, has_bus: bool) {
        let registry = registry.sub_registry_with_prefix("relay");
        let mut counter = |name, help, counter: &Counter| registry.register(name, help, counter.clone());
        counter("told_events", "Events of this node published on the bus", &self.published);
        counter("heard_events", "Events of other nodes received over the bus", &self.received);
        counter("handed_on_events", "Events handed to the hub", &self.delivered);
        counter("journal_reads", "Journal reads for events that did not arrive", &self.reads);
        counter("journal_events", "Events read from the journal", &self.read_events);
        counter("journal_failures", "Failed journal reads", &self.failed_reads);
        counter("late", "Times that events were late although the bus was up", &self.late);
        counter("dropped", "Batches and notices dropped because a queue was full", &self.dropped);
        counter(
            "resumes",
            "Times that all clients had to resume because the journal was too short",
            &self.resumes,
        );
        counter(
            "turns",
            "Times that the database held a different log, for example after a failover",
            &self.switches,
        );
        registry.register("lag_events", "Committed events not yet handed to the hub", self.lag.clone());
        if has_bus {
            registry.register("bus_up", "Whether the bus is up", self.up.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_their_values() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry, true);
        metrics.clone().published.inc_by(3);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        assert!(text.contains("relay_told_events_total 3\n"), "{text}");
    }
}
