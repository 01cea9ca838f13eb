//! Running the server: starting, refusing to start, stopping, settings, logs and demo users.

mod addresses;
mod backup;
mod bench;
mod blocks;
mod clock;
mod demo;
mod files;
mod forgotten;
mod logs;
mod lost_log;
pub mod metrics;
mod names;
mod origins;
mod place;
mod private;
mod proxies;
mod ready;
mod settings;
mod shutdown;
mod sockets;
mod storage;
mod stuck;
mod takers;
mod tls;
mod tracing;
mod upgrade;
mod web;
