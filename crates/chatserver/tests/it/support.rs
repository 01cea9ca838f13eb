//! Common parts of the tests: a server of their own, users, and clients for HTTP and the stream.

pub mod cluster;
pub mod feed;
pub mod frames;
pub mod http;
pub mod jwt;
pub mod mounts;
pub mod node;
pub mod people;
pub mod proxy;
pub mod raw_ws;
pub mod server;
pub mod v2;
pub mod wait;
pub mod ws;

pub use http::{Answer, Request};
pub use people::User;
pub use raw_ws::RawWs;
pub use server::{Server, Setup, bytes_of};
pub use v2::Stream;
pub use wait::{eventually, within};
pub use ws::{Got, Ws};
