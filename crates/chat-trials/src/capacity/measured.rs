//! All input figures of the model. Each names its source: measured (and how), estimated (and from what), or assumed
//! about people. After a new measurement, change the figure here and nowhere else.
//!
//! "A node" is the machine of docs/performance.md: two cores, which also ran the load generator.

// A node's throughput: docs/performance.md, release build, medians.

/// Measured: durable sends over REST, 64 senders, with SQLite. With PostgreSQL the node does not write itself, so this
/// is how many sends one node accepts.
pub(super) const SENDS_PER_SECOND: f64 = 29_379.0;
/// Measured: 10,000 members report within 235 ms that they have read.
pub(super) const POINTERS_PER_SECOND: f64 = 10_000.0 / 0.235;
/// Measured: deliveries to 1,000 connections in one group, where many frames share one system call.
pub(super) const DELIVERIES_TOGETHER_PER_SECOND: f64 = 2_589_061.0;
/// Measured: of 100 connections on two shards, the median one gets a message 0.47 ms after the first, that is 25 writes
/// later, each with one frame. The receiver ran on the same cores.
pub(super) const DELIVERIES_ALONE_PER_SECOND: f64 = 2.0 * 25.0 / 0.000_47;
/// Measured: 1,000 clients resume, each 20 messages behind, and are live within 209 ms.
pub(super) const RESUMES_PER_SECOND: f64 = 1_000.0 / 0.209;
/// Measured: logins, 32 at once; each hashes a password with argon2id.
pub(super) const LOGINS_PER_SECOND: f64 = 65.0;
/// Measured: resident memory of an idle v1 connection, with 10,000 open; a v2 connection takes 4,835 bytes.
pub(super) const CONNECTION_BYTES: f64 = 4_883.0;
/// Measured: resident memory of a process that has just started ("What was learnt on the way").
pub(super) const PROCESS_BYTES: f64 = 20e6;
/// The default of `MAX_CONNECTIONS`; 10,000 were open in the measurements.
pub(super) const CONNECTIONS_PER_NODE: f64 = 100_000.0;
/// Estimated from the cost of parsing their JSON: headers' entries for events of other nodes, which a node must process
/// whether or not the events concern it.
pub(super) const HEARD_PER_SECOND: f64 = 500_000.0;

// PostgreSQL's throughput: docs/scaling.md, PostgreSQL 15, pgbench, three writers on the two cores.

/// Measured: the cost of a commit without its rows: the log's row, the journal's row, fsync and the round trips of six
/// statements.
pub(super) const COMMIT_SECONDS: f64 = 0.95e-3;
/// Measured: the cost of a message in a commit, with its indexes, its conversation's row and its part of the journal.
pub(super) const MESSAGE_SECONDS: f64 = 27e-6;
/// Measured: the cost of a moved pointer in a commit: 0.58 of a message's, in paired runs.
pub(super) const POINTER_SECONDS: f64 = 0.58 * MESSAGE_SECONDS;
/// Upper bound for the writes in one commit, set by the writer.
pub(super) const WRITES_PER_COMMIT: f64 = 512.0;
/// Measured with `full_page_writes` off: WAL of a commit without its rows, and of a message of 96 letters.
pub(super) const COMMIT_WAL_BYTES: f64 = 350.0;
pub(super) const MESSAGE_WAL_BYTES: f64 = 1_005.0;
/// Measured, 519 to 638: WAL of a moved pointer.
pub(super) const POINTER_WAL_BYTES: f64 = 520.0;
/// WAL of the first change of a page after a checkpoint; PostgreSQL leaves out the page's free part. Fitted to three
/// runs after a checkpoint, within 20 %.
pub(super) const PAGE_IMAGE_BYTES: f64 = 0.75 * 8_192.0;
/// Measured: rows of `conversations` and of `members` per page.
pub(super) const CONVERSATIONS_PER_PAGE: f64 = 60.0;
pub(super) const MEMBERS_PER_PAGE: f64 = 55.0;
/// PostgreSQL's default `checkpoint_timeout`.
pub(super) const CHECKPOINT_SECONDS: f64 = 300.0;
/// Measured: a stored message of 96 letters with its three indexes.
pub(super) const MESSAGE_BYTES: f64 = 440.0;
/// Measured: pages of history, 16 readers, by SQL alone.
pub(super) const PAGES_PER_SECOND: f64 = 9_452.0;
/// Measured: one file written with a sync for each MiB. A standby on a 1 Gbit/s link also takes 125 MB/s.
pub(super) const DISK_BYTES_PER_SECOND: f64 = 125e6;

// NATS's throughput: docs/scaling.md, nats-server 2.9.10 on loopback, one core.

/// Measured with 256 bytes and 1 to 16 subscribers: CPU time of the bus for each incoming message, and for each
/// outgoing copy.
pub(super) const BUS_IN_SECONDS: f64 = 0.60e-6;
pub(super) const BUS_OUT_SECONDS: f64 = 0.47e-6;
/// Estimated from the encodings: a commit's header and each event's part of it, an event with a message of 100 letters,
/// one with a moved pointer, and the statement about a user who connected or disconnected.
pub(super) const HEADER_BYTES: f64 = 60.0;
pub(super) const HEADER_EVENT_BYTES: f64 = 24.0;
pub(super) const MESSAGE_NEWS_BYTES: f64 = 420.0;
pub(super) const POINTER_NEWS_BYTES: f64 = 160.0;
pub(super) const PRESENCE_NEWS_BYTES: f64 = 80.0;

// Assumptions about people, who differ.

/// Share of the messages that go to groups, if users are in groups at all.
pub(super) const SHARE_TO_GROUPS: f64 = 0.5;
/// Direct conversations per user.
pub(super) const DIRECTS_PER_USER: f64 = 10.0;
/// A connected client confirms each message (`delivered`), and its user reads two at a time (`read`).
pub(super) const POINTERS_PER_RECEIVED: f64 = 1.5;
/// Connections of a user's client per day.
pub(super) const CONNECTS_PER_DAY: f64 = 10.0;
/// Pages of history read after connecting.
pub(super) const PAGES_PER_CONNECT: f64 = 3.0;
/// A token is valid for a day by default.
pub(super) const LOGINS_PER_DAY: f64 = 1.0;

// Requirements on the result.

/// Upper bound for a node's utilization, which leaves room for bursts.
pub(super) const BUSY: f64 = 0.5;
/// Upper bound for the delay of a frame on a busy shard, in seconds. Frames that wait for one connection share one
/// system call.
pub(super) const LATEST_SECONDS: f64 = 0.1;
/// Upper bound for the delivery of a message to a whole group, in seconds.
pub(super) const GROUP_SECONDS: f64 = 1.0;
