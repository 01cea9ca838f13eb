//! Remembers which messages were shown: after a broken connection the server resends unconfirmed messages.

use std::collections::{HashSet, VecDeque};

/// Number of ids to remember: more than a server with default settings queues for one client.
const REMEMBERED: usize = 4096;

/// Ids of the messages that were shown last.
#[derive(Default)]
pub(super) struct Seen {
    known: HashSet<i64>,
    order: VecDeque<i64>,
}

impl Seen {
    /// Whether this id is new. Frames that are no messages have the id 0, which always counts as new.
    pub(super) fn is_first(&mut self, id: i64) -> bool {
        if id == 0 {
            return true;
        }
        if !self.known.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_once_and_memory_is_bounded() {
        let mut seen = Seen::default();
        assert!(seen.is_first(7) && !seen.is_first(7) && seen.is_first(8));
        assert!(seen.is_first(0) && seen.is_first(0));
        for id in 10..20_000 {
            seen.is_first(id);
        }
        assert_eq!((seen.known.len(), seen.order.len()), (REMEMBERED, REMEMBERED));
    }
}
