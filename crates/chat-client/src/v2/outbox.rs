//! The requests of a session that have no answer yet, in order. Pure state.

use std::collections::VecDeque;

use super::{Op, op};

/// Requests without an answer.
pub(super) struct Outbox {
    entries: VecDeque<Entry>,
    next_id: i64,
    /// Upper bound for the number of requests.
    limit: usize,
    /// Upper bound for the number of requests in flight.
    window: usize,
}

struct Entry {
    id: i64,
    op: Op,
    is_in_flight: bool,
}

impl Outbox {
    pub(super) fn new(limit: usize, window: usize) -> Self {
        Self { entries: VecDeque::new(), next_id: 1, limit, window }
    }

    /// Adds a request and returns its id, or `None` if there is no room.
    pub(super) fn put(&mut self, op: Op) -> Option<i64> {
        if self.entries.len() >= self.limit {
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.entries.push_back(Entry { id, op, is_in_flight: false });
        Some(id)
    }

    /// Returns the next request to write and marks it as in flight. Returns `None` if there is none or too
    /// many are in flight.
    pub(super) fn next_to_write(&mut self) -> Option<(i64, &Op)> {
        let in_flight = self.entries.iter().filter(|entry| entry.is_in_flight).count();
        if in_flight >= self.window {
            return None;
        }
        let entry = self.entries.iter_mut().find(|entry| !entry.is_in_flight)?;
        entry.is_in_flight = true;
        Some((entry.id, &entry.op))
    }

    /// Removes a request that has its final answer.
    pub(super) fn settle(&mut self, id: i64) -> Option<Op> {
        let index = self.entries.iter().position(|entry| entry.id == id)?;
        self.entries.remove(index).map(|entry| entry.op)
    }

    /// Marks a request to be written again. Returns `false` if there is none of that id.
    pub(super) fn retry(&mut self, id: i64) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.id == id);
        entry.is_some_and(|entry| {
            entry.is_in_flight = false;
            true
        })
    }

    /// Handles the loss of the connection: drops the requests that concern only that connection, and marks
    /// all others to be written again.
    pub(super) fn disconnected(&mut self) {
        self.entries.retain(|entry| op::is_lasting(&entry.op));
        self.entries.iter_mut().for_each(|entry| entry.is_in_flight = false);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::v2;

    use super::*;

    fn send(to: i64) -> Op {
        Op::Send(v2::Send { to_user: Some(to), ..v2::Send::default() })
    }

    fn writes(outbox: &mut Outbox) -> Vec<i64> {
        std::iter::from_fn(|| outbox.next_to_write().map(|(id, _)| id)).collect()
    }

    #[test]
    fn requests_are_written_in_order_and_not_too_many_at_a_time() {
        let mut outbox = Outbox::new(10, 2);
        let ids: Vec<_> = (0..4).map(|to| outbox.put(send(to)).unwrap()).collect();
        assert_eq!(writes(&mut outbox), ids[..2]);
        assert!(outbox.settle(ids[1]).is_some());
        assert_eq!(writes(&mut outbox), [ids[2]]);
        assert!(outbox.settle(ids[1]).is_none());
        assert_eq!(outbox.len(), 3);
    }

    #[test]
    fn lasting_requests_are_written_again_in_order_after_a_broken_connection() {
        let mut outbox = Outbox::new(10, 8);
        let first = outbox.put(send(1)).unwrap();
        outbox.put(Op::Ping(v2::Ping {})).unwrap();
        let last = outbox.put(send(2)).unwrap();
        writes(&mut outbox);
        outbox.disconnected();
        assert_eq!(writes(&mut outbox), [first, last]);
    }

    #[test]
    fn a_retried_request_keeps_its_place() {
        let mut outbox = Outbox::new(10, 1);
        let first = outbox.put(send(1)).unwrap();
        outbox.put(send(2)).unwrap();
        assert_eq!(writes(&mut outbox), [first]);
        assert!(outbox.retry(first));
        assert!(!outbox.retry(99));
        assert_eq!(writes(&mut outbox), [first]);
    }

    #[test]
    fn a_full_outbox_takes_no_more() {
        let mut outbox = Outbox::new(1, 1);
        assert!(outbox.put(send(1)).is_some());
        assert!(outbox.put(send(2)).is_none());
    }
}
