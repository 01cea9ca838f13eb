//! `chatserver bench`, `torture` and `capacity`: load generator, fault injector and capacity model. The first two start
//! servers as child processes and use them as clients do. No adapter is named here: the binary passes in what only it
//! can provide, as [`Adapters`].

mod adapters;
pub mod bench;
pub mod capacity;
mod child;
mod rng;
pub mod torture;

pub use adapters::{Adapters, OfflineDatabase};

/// The result of a benchmark or a torture.
#[derive(Debug)]
pub struct Outcome {
    /// The output: text, or one JSON object.
    pub report: String,
    /// Whether the trial was complete and found nothing wrong.
    pub passed: bool,
}
