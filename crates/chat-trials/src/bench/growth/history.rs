//! The largest group's history: pages at its end and far from it, one message, and the page around a date.

use anyhow::{Context, Result};
use chat_protocol::message::History;
use jiff::Timestamp;

use super::reads::{self, Read, same_numbers};
use crate::bench::fill::Filled;
use crate::bench::report::Measured;
use crate::bench::testbed::Testbed;

/// Messages of a page.
const PAGE: u64 = 50;
/// Number of places that are read in turn.
const PLACES: usize = 500;
/// Number of pages whose messages are read one by one.
const PAGES: usize = 10;

pub(super) async fn measure(
    testbed: &mut Testbed,
    filled: &Filled,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    let room = filled.largest()?;
    let (user, mut rng) = (&filled.unread, same_numbers(filled));
    let pages = format!("/v1/conversations/{}/messages?limit={PAGE}", room.conversation);
    let before = |seq: u64| format!("{pages}&before_seq={seq}");
    let anywhere: Vec<String> = (0..PLACES).map(|_| before(rng.between(PAGE + 1, room.messages))).collect();
    let (first, last) = filled.span;
    let mut moment = || {
        let from_first = rng.between(0, last.0.abs_diff(first.0));
        Timestamp::from_microsecond(first.0.saturating_add_unsigned(from_first)).context("no such time")
    };
    let mut dates = Vec::new();
    for _ in 0..PLACES {
        dates.push(format!("{pages}&at={}", moment()?));
    }
    let mut single = Vec::new();
    let client = testbed.client(user)?;
    for page in anywhere.iter().take(PAGES) {
        let page: History = client.get(page).await.context("the history cannot be read")?;
        single.extend(page.messages.iter().map(|message| format!("/v1/messages/{}", message.id)));
    }
    let reads = vec![
        Read::of("growth-history, newest page", user, pages.clone()),
        Read::of("growth-history, a page at a quarter", user, before((room.messages / 4).max(PAGE + 1))),
        Read { name: "growth-history, pages anywhere", user, paths: anywhere },
        Read { name: "growth-history, one message", user, paths: single },
        Read { name: "growth-history, the page around a date", user, paths: dates },
    ];
    reads::measure(testbed, measured, reads).await
}
