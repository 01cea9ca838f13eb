//! Routines that put a server under load and judge it by what its clients were told. They give a verdict instead of
//! failing, so that they can be tried on servers that are broken on purpose as well (`crash/broken.rs`).

pub mod ledger;
pub mod slow;
pub mod verdict;

/// How often something is done: as often as this variable says, or as is enough for a run of all tests.
pub fn from_environment(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |count| count.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}
