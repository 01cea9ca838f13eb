//! Limits that more nodes do not raise: how much of each is used, and what to do then.

use super::{Bus, Database, Load, Nodes, Traffic, delivering, m, others_connected, row_time};

/// A resource that exists once for the whole cluster, or whose load on every node does not shrink with their number.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Limit {
    pub(in super::super) name: &'static str,
    /// Share of it used at peak time; above 1 it breaks.
    pub(in super::super) share: f64,
    pub(in super::super) then: &'static str,
}

impl Limit {
    /// The multiple of the load that it would bear.
    pub(in super::super) fn headroom(&self) -> f64 {
        1.0 / self.share.max(f64::MIN_POSITIVE)
    }
}

/// All limits, the most used first.
pub(super) fn limits(
    load: &Load,
    traffic: &Traffic,
    nodes: &Nodes,
    database: &Database,
    bus: &Bus,
) -> Vec<Limit> {
    let full_commits = database.writes / m::WRITES_PER_COMMIT * m::COMMIT_SECONDS;
    let bus_time = bus.messages_in * m::BUS_IN_SECONDS + bus.messages_out * m::BUS_OUT_SECONDS;
    let one_message = 1.0 + others_connected(load);
    let group_time = delivering(one_message, one_message) / nodes.count;
    let is_grouped = load.groups > 0.0;
    let mut limits = vec![
        Limit {
            name: "the lock of the log's one row",
            share: row_time(traffic.sends, traffic.pointers) + full_commits,
            then: "batch receipts for longer, then partition by conversation: several logs",
        },
        Limit {
            name: "the write-ahead log's disk and standby",
            share: database.wal_bytes / m::DISK_BYTES_PER_SECOND,
            then: "wal_compression, fewer checkpoints, faster disks; then partition",
        },
        Limit {
            name: "reading pages of history",
            share: database.pages / m::PAGES_PER_SECOND,
            then: "read replicas for history and search",
        },
        Limit {
            name: "one core of the bus",
            share: bus_time,
            then: "a NATS cluster, or a bus for each cell",
        },
        Limit {
            name: "log headers that every node receives",
            share: database.writes / m::HEARD_PER_SECOND,
            then: "separate headers per log partition, only to the nodes concerned",
        },
        Limit {
            name: "one message to a whole group",
            share: if is_grouped { group_time / m::GROUP_SECONDS } else { 0.0 },
            then: "more nodes, or a limit on group size",
        },
    ];
    limits.sort_by(|one, other| other.share.total_cmp(&one.share));
    limits
}
