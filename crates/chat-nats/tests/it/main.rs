//! The bus over a real NATS server that the tests start, kill and pause.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it has measured"
)]

mod bus;
mod relays;
mod rights;
mod support;
