//! Several nodes with a PostgreSQL and a NATS of the test's own, and failures of engines, networks and machines.

mod bench;
mod bus;
mod clocks;
mod database;
mod failover;
mod feed;
mod journal;
mod nodes;
mod pause;
mod pool;
mod rights;
mod start;
mod torture;
mod tracing;
