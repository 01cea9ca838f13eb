//! Routines that put a server under load and compare it with what its clients received. They return a verdict instead
//! of failing, so that they can also be tried on servers that are broken on purpose (`crash/broken.rs`).

pub mod ledger;
pub mod slow;
pub mod verdict;

/// Returns the number in this variable, or the default for a run of all tests.
pub fn from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |count| count.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}
