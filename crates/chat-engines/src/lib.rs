//! Private PostgreSQL and NATS servers, and settable clocks, for tests, the benchmark and the torture test.
//! They are the programs installed on this machine, on their own loopback ports, in folders that are removed
//! with them.
//! Nothing in here may touch a server that it did not start, except for the two that the environment names to
//! [`shared()`].
//! A test that cannot run because something else is missing on this machine calls [`skipped`].

mod clock;
mod daemon;
mod databases;
mod folder;
mod guard;
mod nats;
mod pooler;
mod ports;
mod postgres;
mod programs;
mod shared;
mod skips;
#[cfg_attr(not(unix), path = "unsupported.rs")]
mod system;

pub use clock::Clock;
pub use databases::Databases;
pub use nats::Nats;
pub use pooler::Pooler;
pub use ports::free_port;
pub use postgres::Postgres;
pub use shared::{Database, Engines, NATS_VARIABLE, POSTGRES_VARIABLE, shared};
pub use skips::{SKIPS_VARIABLE, skipped};
