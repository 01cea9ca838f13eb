//! How often things may be done: by whom, through which door, what is said to who does too much, and what the operator
//! sees of it.

mod audit;
mod logins;
mod rest;
mod streams;

use crate::support::Setup;

/// A server with the limits that it has by default, less these.
fn limited(limits: &[(&str, &str)]) -> Setup {
    let setup = Setup::new().on_one_node("each node counts for itself").env("LIMIT_FACTOR", "1");
    limits.iter().fold(setup, |setup, (name, rate)| setup.env(name, rate))
}

/// The same behind a proxy, which is the test: it says where requests come from. Tom and Jerry may log in from anywhere.
fn behind_proxy(limits: &[(&str, &str)]) -> Setup {
    limited(limits).env("TRUSTED_PROXIES", "127.0.0.1").arg("--demo")
}
