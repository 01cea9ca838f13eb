//! Private PostgreSQL and NATS servers, and clocks that can be set, for tests, the benchmark and the torture: the programs
//! that are installed on this machine, on ports of their own on loopback, in folders that go with them. Nothing in here may
//! touch a server that it did not start, but for the two that the environment names to [`shared()`]. And what a test calls
//! that finds something else missing here ([`skipped`]).

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
#[cfg_attr(not(unix), path = "elsewhere.rs")]
mod system;

pub use clock::Clock;
pub use databases::Databases;
pub use nats::Nats;
pub use pooler::Pooler;
pub use ports::free_port;
pub use postgres::Postgres;
pub use shared::{Database, Engines, NATS_VARIABLE, POSTGRES_VARIABLE, shared};
pub use skips::{SKIPS_VARIABLE, skipped};
