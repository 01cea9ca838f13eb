//! Exchanges events between the nodes of a cluster, in order and without gaps.
//!
//! The journal in the database is authoritative; the bus only saves the time to read it. So a bus that drops,
//! duplicates, delays or reorders messages costs time and never an event. The deciding parts ([`sequencer`],
//! [`presence`]) do no input or output and own no clock; [`relay`] runs them. No bus and no database may be named here.

pub mod bus;
pub mod inbox;
pub mod interest;
pub mod key;
pub mod metrics;
pub mod presence;
pub mod relay;
pub mod sequencer;
pub mod wire;

pub use bus::{Bus, Subject};
pub use inbox::{Inbox, Incoming};
pub use metrics::Metrics;
pub use relay::{BusOptions, Parts, Prepared, Relay, draw_node_id};
