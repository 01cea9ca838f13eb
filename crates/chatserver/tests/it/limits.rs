//! Rate limits: of each caller and transport, the answers to callers over a limit, and what the operator sees.

mod audit;
mod logins;
mod rest;
mod streams;

use crate::support::Setup;

/// Settings of a server with the default limits, except these.
fn limited(limits: &[(&str, &str)]) -> Setup {
    let setup = Setup::new().on_one_node("each node counts for itself").env("LIMIT_FACTOR", "1");
    limits.iter().fold(setup, |setup, (name, rate)| setup.env(name, rate))
}

/// The same behind a trusted proxy, which is the test itself: it sets the client's address. Tom and Jerry may log in
/// from anywhere.
fn behind_proxy(limits: &[(&str, &str)]) -> Setup {
    limited(limits).env("TRUSTED_PROXIES", "127.0.0.1").arg("--demo")
}
