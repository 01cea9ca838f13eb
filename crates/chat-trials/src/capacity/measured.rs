//! Every figure that the model rests on, in one place. Each says where it comes from: measured (and by what), estimated
//! (and from what), or assumed of people. Whoever measures anew changes it here and nowhere else.
//!
//! "A node" is the machine of docs/performance.md: two cores, which also carried the load generator.

// What a node does: docs/performance.md, release build, medians.

/// Measured: durable sends over REST, 64 senders, SQLite inside. With PostgreSQL the writing is done elsewhere, so this
/// is what one node takes in.
pub(super) const SENDS_PER_SECOND: f64 = 29_379.0;
/// Measured: 10,000 members tell within 235 ms that they have read.
pub(super) const POINTERS_PER_SECOND: f64 = 10_000.0 / 0.235;
/// Measured: deliveries to 1,000 connections in one group, where many frames share one system call.
pub(super) const DELIVERIES_TOGETHER_PER_SECOND: f64 = 2_589_061.0;
/// Measured: of 100 connections on two shards the median one has a message 0.47 ms after the first, that is 25 writes
/// later, each of which carried one frame; the receiver ran on the same cores.
pub(super) const DELIVERIES_ALONE_PER_SECOND: f64 = 2.0 * 25.0 / 0.000_47;
/// Measured: 1,000 clients come back, each 20 messages behind, and are live within 209 ms.
pub(super) const RESUMES_PER_SECOND: f64 = 1_000.0 / 0.209;
/// Measured: logins, 32 at once; each hashes a password with argon2id.
pub(super) const LOGINS_PER_SECOND: f64 = 65.0;
/// Measured: resident memory of an idle v1 connection, 10,000 held; one of v2 takes 4,835.
pub(super) const CONNECTION_BYTES: f64 = 4_883.0;
/// Measured: resident memory of a process that has just started ("What was learnt on the way").
pub(super) const PROCESS_BYTES: f64 = 20e6;
/// The default of `MAX_CONNECTIONS`; 10,000 were held in the measurements.
pub(super) const CONNECTIONS_PER_NODE: f64 = 100_000.0;
/// Estimated from the JSON that it is: events of other nodes of whose coming a node takes note, whether or not they
/// concern it.
pub(super) const HEARD_PER_SECOND: f64 = 500_000.0;

// What PostgreSQL does: docs/scaling.md, PostgreSQL 15, pgbench, three writers on the two cores.

/// Measured: what a commit costs beside its rows: the log's row, the journal's row, fsync and the way of six statements.
pub(super) const COMMIT_SECONDS: f64 = 0.95e-3;
/// Measured: what a message adds to a commit, with its indexes, its conversation's row and its part of the journal.
pub(super) const MESSAGE_SECONDS: f64 = 27e-6;
/// Measured: what a moved pointer adds; 0.58 of a message in pairs of runs.
pub(super) const POINTER_SECONDS: f64 = 0.58 * MESSAGE_SECONDS;
/// Writes in one commit, at most: the writer's own bound.
pub(super) const WRITES_PER_COMMIT: f64 = 512.0;
/// Measured with `full_page_writes` off: WAL of a commit beside its rows, and of a message of 96 letters.
pub(super) const COMMIT_WAL_BYTES: f64 = 350.0;
pub(super) const MESSAGE_WAL_BYTES: f64 = 1_005.0;
/// Measured, 519 to 638: WAL of a moved pointer.
pub(super) const POINTER_WAL_BYTES: f64 = 520.0;
/// What the first change of a page after a checkpoint adds to the WAL; PostgreSQL leaves out the page's free part.
/// Fitted to three runs after a checkpoint, which it meets within a fifth.
pub(super) const PAGE_IMAGE_BYTES: f64 = 0.75 * 8_192.0;
/// Measured: rows of `conversations` and of `members` in a page.
pub(super) const CONVERSATIONS_PER_PAGE: f64 = 60.0;
pub(super) const MEMBERS_PER_PAGE: f64 = 55.0;
/// PostgreSQL's default `checkpoint_timeout`.
pub(super) const CHECKPOINT_SECONDS: f64 = 300.0;
/// Measured: a stored message of 96 letters with its three indexes.
pub(super) const MESSAGE_BYTES: f64 = 440.0;
/// Measured: pages of history, 16 readers, by SQL alone.
pub(super) const PAGES_PER_SECOND: f64 = 9_452.0;
/// Measured: one file written with a sync for each MiB. A standby on a line of 1 Gbit/s takes 125 MB/s.
pub(super) const DISK_BYTES_PER_SECOND: f64 = 125e6;

// What NATS does: docs/scaling.md, nats-server 2.9.10 on loopback, one core.

/// Measured at 256 bytes, 1 to 16 listeners: processor time of the bus for a message that comes in, and for each copy
/// that goes out.
pub(super) const BUS_IN_SECONDS: f64 = 0.60e-6;
pub(super) const BUS_OUT_SECONDS: f64 = 0.47e-6;
/// Estimated from the encodings: a commit's header and what each event adds to it, an event with a message of 100
/// letters, one with a moved pointer, and what is told of a user who came or went.
pub(super) const HEADER_BYTES: f64 = 60.0;
pub(super) const HEADER_EVENT_BYTES: f64 = 24.0;
pub(super) const MESSAGE_NEWS_BYTES: f64 = 420.0;
pub(super) const POINTER_NEWS_BYTES: f64 = 160.0;
pub(super) const PRESENCE_NEWS_BYTES: f64 = 80.0;

// What is assumed of people, who differ.

/// Of all messages, where users are in groups at all.
pub(super) const SHARE_TO_GROUPS: f64 = 0.5;
/// Direct conversations that a user has.
pub(super) const DIRECTS_PER_USER: f64 = 10.0;
/// A client that is connected confirms each message (`delivered`), and its user reads two at a time (`read`).
pub(super) const POINTERS_PER_RECEIVED: f64 = 1.5;
/// Times a day that a user's client connects.
pub(super) const CONNECTS_PER_DAY: f64 = 10.0;
/// Pages of history that are read after connecting.
pub(super) const PAGES_PER_CONNECT: f64 = 3.0;
/// A token is valid for a day by default.
pub(super) const LOGINS_PER_DAY: f64 = 1.0;

// What is asked of the result.

/// How busy a node may be, so that a burst finds room.
pub(super) const BUSY: f64 = 0.5;
/// How late a frame may be written when a shard is busy; what waits for a connection meanwhile shares one system call.
pub(super) const LATEST_SECONDS: f64 = 0.1;
/// How long it may take until all of a group have a message.
pub(super) const GROUP_SECONDS: f64 = 1.0;
