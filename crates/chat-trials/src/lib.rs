//! `chatserver bench`, `torture` and `capacity`: load generator, fault injector and capacity model. They start servers as
//! child processes and speak to them as clients do. No adapter is named here: what only the binary can provide comes in
//! as [`Adapters`].

mod adapters;
pub mod bench;
pub mod capacity;
mod child;
pub mod torture;

pub use adapters::{Adapters, OfflineDatabase};

/// How a trial ended.
#[derive(Debug)]
pub struct Outcome {
    /// What to print: text for people, or one JSON object.
    pub report: String,
    /// Whether the trial was complete and found nothing wrong.
    pub passed: bool,
}
