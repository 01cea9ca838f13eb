//! Which messages were shown: after a broken connection the server gives again what it does not know to have arrived.

use std::collections::{HashSet, VecDeque};

/// Numbers that are remembered; more than may wait for one client at a server with its usual settings.
const REMEMBERED: usize = 4096;

/// The numbers of the messages that were shown last.
#[derive(Default)]
pub(super) struct Seen {
    known: HashSet<i64>,
    order: VecDeque<i64>,
}

impl Seen {
    /// Whether this is the first time; 0, the number of what is no message, always is.
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
