//! The Rust client: REST over one kept connection, and the v1 stream. Used by the terminal client, the benchmark and
//! the tests; it knows the wire types and nothing of the server's inside.

mod error;
mod http;
mod rest;
mod stream;
mod url;

pub use error::Error;
pub use http::{Connection, Response};
pub use rest::Client;
pub use stream::{Received, Stream, connect_raw, upgrade};
pub use url::ServerUrl;
