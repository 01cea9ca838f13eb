//! Calculates nodes, database and bus from the users' behaviour and the figures of `measured.rs`. Pure; reads and
//! prints nothing.

mod limits;
#[cfg(test)]
mod tests;

use chat_core::receipts::MAX_RECEIPT_MEMBERS;

use super::measured as m;
pub(super) use limits::Limit;

const DAY: f64 = 86_400.0;

/// The users and their behaviour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Users with an account.
    pub(super) users: f64,
    /// Share of them that is connected at peak time, 0 to 1.
    pub(super) online: f64,
    /// Messages per user per day.
    pub(super) messages: f64,
    /// Members of a group.
    pub(super) group_size: f64,
    /// Groups per user.
    pub(super) groups: f64,
    /// Load at peak time as a multiple of the daily average.
    pub(super) peak_factor: f64,
}

/// Events per second at peak time, of all users together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) connections: f64,
    pub(super) sends: f64,
    /// Sends to groups, a part of `sends`.
    pub(super) group_sends: f64,
    /// Moved pointers, each of which is a write.
    pub(super) pointers: f64,
    /// Frames written to clients: of messages, and of receipts.
    pub(super) deliveries: f64,
    pub(super) receipt_deliveries: f64,
    pub(super) connects: f64,
    pub(super) pages: f64,
    pub(super) logins: f64,
}

/// The number of nodes, and the load of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nodes {
    /// Number of nodes with which all are at most half busy when one is missing.
    pub(super) count: f64,
    /// One machine with SQLite would be enough.
    pub(super) one_is_enough: bool,
    pub(super) connections: f64,
    pub(super) memory_bytes: f64,
    pub(super) sends: f64,
    pub(super) deliveries: f64,
    /// Utilization of a node while all are running.
    pub(super) busy: f64,
    /// Time until the clients of a lost node are live on the others.
    pub(super) return_seconds: f64,
}

/// PostgreSQL's load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Database {
    pub(super) writes: f64,
    pub(super) commits: f64,
    pub(super) writes_per_commit: f64,
    pub(super) wal_bytes: f64,
    pub(super) wal_bytes_per_day: f64,
    pub(super) stored_bytes_per_day: f64,
    pub(super) pages: f64,
}

/// NATS's load, per second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bus {
    pub(super) messages_in: f64,
    pub(super) messages_out: f64,
    pub(super) bytes_in: f64,
    pub(super) bytes_out: f64,
}

/// The result of the model.
#[derive(Debug, Clone)]
pub(super) struct Forecast {
    pub(super) traffic: Traffic,
    pub(super) nodes: Nodes,
    pub(super) database: Database,
    pub(super) bus: Bus,
    /// Limits that do not grow with the number of nodes, the most used first.
    pub(super) limits: Vec<Limit>,
}

/// Calculates what a load needs.
pub(super) fn forecast(load: &Load) -> Forecast {
    let traffic = traffic(load);
    let nodes = nodes(&traffic);
    let database = database(load, &traffic);
    let bus = bus(load, &traffic, &nodes, &database);
    let limits = limits::limits(load, &traffic, &nodes, &database, &bus);
    Forecast { traffic, nodes, database, bus, limits }
}

/// The average number of other members of a group who are connected.
fn others_connected(load: &Load) -> f64 {
    (load.group_size - 1.0) * load.online
}

fn traffic(load: &Load) -> Traffic {
    let at_peak = load.users / DAY * load.peak_factor;
    let sends = at_peak * load.messages;
    let group_sends = if load.groups > 0.0 { sends * m::SHARE_TO_GROUPS } else { 0.0 };
    let direct_sends = sends - group_sends;
    let others = others_connected(load);
    let direct_pointers = direct_sends * load.online * m::POINTERS_PER_RECEIVED;
    let group_pointers = group_sends * others * m::POINTERS_PER_RECEIVED;
    // A receipt goes to its owner's clients and, in a conversation that is not too large, to those of the others.
    let receivers = if load.group_size > f64::from(MAX_RECEIPT_MEMBERS) { 1.0 } else { 1.0 + others };
    let connects = at_peak * m::CONNECTS_PER_DAY;
    Traffic {
        connections: load.users * load.online,
        sends,
        group_sends,
        pointers: direct_pointers + group_pointers,
        // The sender's own client gets the message, too.
        deliveries: direct_sends * (1.0 + load.online) + group_sends * (1.0 + others),
        receipt_deliveries: direct_pointers * (1.0 + load.online) + group_pointers * receivers,
        connects,
        pages: connects * m::PAGES_PER_CONNECT,
        logins: at_peak * m::LOGINS_PER_DAY,
    }
}

/// The share of one node that delivering these frames per second takes. Only frames for one connection can share a
/// system call, so a thousand quiet clients cost more than one busy client.
fn delivering(frames: f64, connections: f64) -> f64 {
    let each = frames / connections.max(1.0);
    let in_one_write = (each * m::LATEST_SECONDS).max(1.0);
    let alone = 1.0 / m::DELIVERIES_ALONE_PER_SECOND;
    let together = 1.0 / m::DELIVERIES_TOGETHER_PER_SECOND;
    frames * (together + (alone - together) / in_one_write)
}

/// The number of nodes that this traffic would keep fully busy.
fn work(traffic: &Traffic) -> f64 {
    let frames = traffic.deliveries + traffic.receipt_deliveries;
    traffic.sends / m::SENDS_PER_SECOND
        + traffic.pointers / m::POINTERS_PER_SECOND
        + traffic.connects / m::RESUMES_PER_SECOND
        + traffic.logins / m::LOGINS_PER_SECOND
        + delivering(frames, traffic.connections)
}

fn nodes(traffic: &Traffic) -> Nodes {
    let work = work(traffic);
    let full = (work / m::BUSY).max(traffic.connections / m::CONNECTIONS_PER_NODE);
    // One more, so that one may be lost or replaced.
    let count = full.ceil().max(1.0) + 1.0;
    let connections = traffic.connections / count;
    Nodes {
        count,
        one_is_enough: full <= 1.0,
        connections,
        memory_bytes: m::PROCESS_BYTES + connections * m::CONNECTION_BYTES,
        sends: traffic.sends / count,
        deliveries: (traffic.deliveries + traffic.receipt_deliveries) / count,
        busy: work / count,
        return_seconds: connections / (count - 1.0) / m::RESUMES_PER_SECOND,
    }
}

/// The share of each second in which the log's row is locked for the rows alone.
fn row_time(sends: f64, pointers: f64) -> f64 {
    sends * m::MESSAGE_SECONDS + pointers * m::POINTER_SECONDS
}

/// Commits per second: one per write while there is time for that; then batches grow until they are full.
fn commits(sends: f64, pointers: f64) -> f64 {
    let writes = sends + pointers;
    let possible = (1.0 - row_time(sends, pointers)).max(0.0) / m::COMMIT_SECONDS;
    writes.min(possible).max(writes / m::WRITES_PER_COMMIT)
}

/// Expected number of different pages among `drawn` random ones from a pool.
fn distinct(drawn: f64, pool: f64) -> f64 {
    let pool = pool.max(1.0);
    pool * -(-drawn / pool).exp_m1()
}

/// Pools of pages: of conversations, of the two indexes of messages, and of members.
struct Pages {
    conversations: f64,
    order_leaves: f64,
    key_leaves: f64,
    members: f64,
}

impl Pages {
    /// The pools of a database after years, with separate index leaves for each conversation and each sender.
    fn of(load: &Load) -> Self {
        let directs = load.users * m::DIRECTS_PER_USER / 2.0;
        let conversations = directs + load.users * load.groups / load.group_size;
        let members = 2.0 * directs + load.users * load.groups;
        Self {
            conversations: conversations / m::CONVERSATIONS_PER_PAGE,
            order_leaves: conversations,
            key_leaves: load.users,
            members: members / m::MEMBERS_PER_PAGE,
        }
    }

    /// Bytes of page images that these writes cause after a checkpoint. A message touches a page of its conversation,
    /// one of the index by order and one of the index by key; a pointer touches one of its conversation and one of its
    /// member. Pages are assumed to be independent of each other.
    fn images(&self, messages: f64, moves: f64) -> f64 {
        let pages = distinct(messages + moves, self.conversations)
            + distinct(messages, self.order_leaves)
            + distinct(messages, self.key_leaves)
            + distinct(moves, self.members);
        pages * m::PAGE_IMAGE_BYTES
    }
}

fn wal(pages: &Pages, sends: f64, pointers: f64) -> f64 {
    sends * m::MESSAGE_WAL_BYTES
        + pointers * m::POINTER_WAL_BYTES
        + commits(sends, pointers) * m::COMMIT_WAL_BYTES
        + pages.images(sends * m::CHECKPOINT_SECONDS, pointers * m::CHECKPOINT_SECONDS)
            / m::CHECKPOINT_SECONDS
}

fn database(load: &Load, traffic: &Traffic) -> Database {
    let Traffic { sends, pointers, .. } = *traffic;
    let (writes, commits) = (sends + pointers, commits(sends, pointers));
    let pages = Pages::of(load);
    let average = |peak: f64| peak / load.peak_factor;
    Database {
        writes,
        commits,
        writes_per_commit: if commits > 0.0 { writes / commits } else { 0.0 },
        wal_bytes: wal(&pages, sends, pointers),
        wal_bytes_per_day: wal(&pages, average(sends), average(pointers)) * DAY,
        stored_bytes_per_day: average(sends) * DAY * m::MESSAGE_BYTES,
        pages: traffic.pages,
    }
}

fn bus(load: &Load, traffic: &Traffic, nodes: &Nodes, database: &Database) -> Bus {
    let others = nodes.count - 1.0;
    let elsewhere = others / nodes.count;
    // Expected number of other nodes with at least one of these clients.
    let interested = |clients: f64| others * (1.0 - elsewhere.powf(clients));
    let direct_sends = traffic.sends - traffic.group_sends;
    let to_group = interested(others_connected(load));
    let to_pair = load.online * elsewhere;
    let direct_pointers = direct_sends * load.online * m::POINTERS_PER_RECEIVED;
    let group_pointers = traffic.pointers - direct_pointers;
    let receivers = if load.group_size > f64::from(MAX_RECEIPT_MEMBERS) { 0.0 } else { to_group };
    // Each user of a pair has a subject. Presence goes to all nodes.
    let messages_in = 2.0 * direct_sends + traffic.group_sends;
    let messages_out = direct_sends * to_pair + traffic.group_sends * to_group;
    let pointers_in = 2.0 * direct_pointers + group_pointers;
    let pointers_out = direct_pointers * elsewhere + group_pointers * receivers;
    let presence = 2.0 * traffic.connects;
    let headers = database.commits * m::HEADER_BYTES + database.writes * m::HEADER_EVENT_BYTES;
    Bus {
        messages_in: database.commits + messages_in + pointers_in + presence,
        messages_out: (database.commits + presence) * others + messages_out + pointers_out,
        bytes_in: headers
            + messages_in * m::MESSAGE_NEWS_BYTES
            + pointers_in * m::POINTER_NEWS_BYTES
            + presence * m::PRESENCE_NEWS_BYTES,
        bytes_out: (headers + presence * m::PRESENCE_NEWS_BYTES) * others
            + messages_out * m::MESSAGE_NEWS_BYTES
            + pointers_out * m::POINTER_NEWS_BYTES,
    }
}
