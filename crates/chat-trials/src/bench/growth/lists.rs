//! Lists and counts: conversations of a user who has read nothing and of one who has very many, unread counts, and the
//! members of a large group. Everything is in the cache; `cold.rs` reads without.

use anyhow::Result;

use super::reads::{self, Read};
use crate::bench::fill::Filled;
use crate::bench::report::Measured;
use crate::bench::testbed::Testbed;

pub(super) const LIST: &str = "/v1/conversations?limit=50";
pub(super) const UNREAD: &str = "/v1/unread";

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    let (unread, busy) = (&filled.unread, &filled.busy);
    let conversation = format!("/v1/conversations/{}", filled.largest()?.conversation);
    let owner = filled.writer(&filled.crowd, 0)?;
    let members = format!("/v1/groups/{}/members?limit=100", filled.crowd.group);
    let reads = vec![
        Read::of("growth-lists, 50 conversations, nothing read", unread, LIST),
        Read::of("growth-lists, unread counts, nothing read", unread, UNREAD),
        Read::of("growth-lists, the conversation with most unread", unread, conversation),
        Read::of("growth-lists, 50 of very many conversations", busy, LIST),
        Read::of("growth-lists, unread counts of very many", busy, UNREAD),
        Read::of("growth-lists, 100 members of a large group", owner, members),
    ];
    reads::measure(testbed, measured, reads).await
}
