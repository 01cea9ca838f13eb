//! Properties of the public interface, checked on generated input and against a second
//! implementation of the protocol. Rules that one example can show are tested beside the code.

mod differential;
mod round_trip;
mod support;
mod tungstenite_peer;

/// How many inputs each property is tried on.
const CASES: u32 = 512;

fn config() -> proptest::test_runner::Config {
    // A failure is printed minimised, and then belongs into a unit test rather than into a file.
    proptest::test_runner::Config { cases: CASES, failure_persistence: None, ..Default::default() }
}
