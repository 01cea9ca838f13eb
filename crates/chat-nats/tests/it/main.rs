//! The bus over a real NATS server that the tests start, kill and pause.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bus;
mod relays;
mod support;
