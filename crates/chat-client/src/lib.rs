//! The Rust client: REST over one kept connection, and both streams. The terminal client, the benchmark, the
//! torture test and the tests use it. It knows the wire types and none of the server's internals.

mod error;
mod handshake;
mod http;
mod key;
pub mod link;
mod rest;
mod socket;
mod stream;
mod url;
pub mod v2;
mod wire;

pub use error::Error;
pub use handshake::{connect_raw, upgrade};
pub use http::{Connection, Response};
pub use key::new_key;
pub use rest::Client;
pub use socket::Socket;
pub use stream::{Received, Stream};
pub use url::ServerUrl;
