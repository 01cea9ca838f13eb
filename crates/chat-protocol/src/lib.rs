//! The wire types: the shape of REST bodies and stream frames, without their meaning.
//!
//! The gateway and the client crate share these; the OpenAPI document is generated from them. They contain no logic
//! except their own serialization.

pub mod close_codes;
pub mod conversation;
pub mod lean;
pub mod message;
pub mod problem;
pub mod rest;
pub mod time;
pub mod trace;
pub mod v1;
pub mod v2;
