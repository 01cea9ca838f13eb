//! Routines that put a server under load and judge it by what its clients were told. They give a verdict instead of
//! failing, so that they can be tried on servers that are broken on purpose as well (`crash/broken.rs`).

pub mod ledger;
pub mod slow;
pub mod verdict;
