//! The directory of users: those whose names begin with something, found or not.

use anyhow::Result;

use super::reads::{self, Read};
use crate::bench::fill::Filled;
use crate::bench::report::Measured;
use crate::bench::testbed::Testbed;

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    let user = &filled.unread;
    let reads = vec![
        Read::of("growth-users, names that begin with crowd-1", user, "/v1/users?q=crowd-1&limit=20"),
        Read::of("growth-users, no such name", user, "/v1/users?q=nobodyatall&limit=20"),
    ];
    reads::measure(testbed, measured, reads).await
}
