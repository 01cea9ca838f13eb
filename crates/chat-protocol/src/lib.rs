//! The wire types: what REST bodies and stream frames look like, and nothing about what they mean.
//!
//! The gateway and the client crate share these; the OpenAPI document is generated from them. They carry no logic but
//! their own spelling.

pub mod close_codes;
pub mod conversation;
pub mod message;
pub mod problem;
pub mod rest;
pub mod time;
pub mod trace;
pub mod v1;
pub mod v2;
