//! Properties of the public interface, checked on generated input and against a second implementation of the
//! protocol. Rules that one example can show have their tests beside the code.

mod compressed;
mod differential;
mod round_trip;
mod support;
mod tungstenite_peer;

/// Number of inputs on which each property is tested.
const CASES: u32 = 512;

fn config() -> proptest::test_runner::Config {
    // Proptest prints the failure minimised. It then belongs in a unit test rather than in a file.
    proptest::test_runner::Config { cases: CASES, failure_persistence: None, ..Default::default() }
}
