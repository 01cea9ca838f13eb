//! Counts the messages of one stream: received, repeated or out of order, and missing. Pure state.

use std::time::Instant;

/// The id of the new message in a v1 or v2 frame; `None` for other frames. Reads only the beginning of the frame,
/// because parsing all of it would cost the load generator more than the server, which encodes it once.
pub(super) fn new_message_id(frame: &str) -> Option<i64> {
    let rest = frame.strip_prefix("{\"ID\":").or_else(|| {
        let rest = frame.strip_prefix("{\"type\":\"message\",\"event\":\"created\",")?;
        rest.split_once("\"message\":{\"id\":").map(|(_, rest)| rest)
    })?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    rest.get(..end)?.parse().ok()
}

/// A message's arrival on one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) message: i64,
    pub(super) at: Instant,
}

/// Counts of one stream. Messages up to the one passed to [`Tally::start_after`] do not count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    after: i64,
    last: i64,
    fresh: u64,
    repeated: u64,
    arrivals: Option<Vec<Arrival>>,
}

impl Tally {
    /// A tally that also records each message's time of arrival.
    pub(super) fn with_arrivals() -> Self {
        Self { arrivals: Some(Vec::new()), ..Self::default() }
    }

    /// Starts again, and counts only messages with larger ids.
    pub(super) fn start_after(&mut self, message: i64) {
        let arrivals = self.arrivals.take().map(|_| Vec::new());
        *self = Self { after: message, last: message, arrivals, ..Self::default() };
    }

    /// Records a message. One whose id is not larger than all before it is a repetition or out of order.
    pub(super) fn note(&mut self, message: i64, at: Instant) {
        if message <= self.after {
            return;
        }
        if message <= self.last {
            self.repeated += 1;
            return;
        }
        self.last = message;
        self.fresh += 1;
        if let Some(arrivals) = &mut self.arrivals {
            arrivals.push(Arrival { message, at });
        }
    }

    /// The largest id so far.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// Number of messages that arrived for the first time and in order.
    pub(super) fn fresh(&self) -> u64 {
        self.fresh
    }

    /// Number of messages that arrived again or after a later one.
    pub(super) fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How many of `sent` messages did not arrive.
    pub(super) fn missing(&self, sent: u64) -> u64 {
        sent.saturating_sub(self.fresh)
    }

    pub(super) fn arrivals(&self) -> &[Arrival] {
        self.arrivals.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::time::Time;
    use chat_protocol::v1::MessageFrame;

    use super::*;

    fn received(after: i64, messages: &[i64]) -> Tally {
        let mut tally = Tally::default();
        tally.start_after(after);
        messages.iter().for_each(|message| tally.note(*message, Instant::now()));
        tally
    }

    #[test]
    fn the_id_is_found_in_a_v1_frame() {
        let frame = MessageFrame {
            id: 1234,
            sender_id: 1,
            recipient_id: 0,
            group_id: 5,
            kind: "group_message".into(),
            content: "{\"ID\":99".into(),
            media_url: String::new(),
            timestamp: Time(0),
        };
        let json = serde_json::to_string(&frame);
        assert_eq!(new_message_id(&json.expect("a frame is JSON")), Some(1234));
    }

    #[test]
    fn the_id_is_found_in_a_v2_frame_about_a_new_message() {
        let frame = |event| {
            format!(
                "{{\"type\":\"message\",\"event\":\"{event}\",\"conversation_id\":5,\"message\":{{\"id\":77,\"seq\":1}}}}"
            )
        };
        assert_eq!(new_message_id(&frame("created")), Some(77));
        assert_eq!(new_message_id(&frame("edited")), None);
        assert_eq!(new_message_id("{\"type\":\"live\",\"cursor\":\"c\"}"), None);
    }

    #[test]
    fn other_frames_have_no_id() {
        for frame in [
            "",
            "{}",
            "{\"ID\":",
            "{\"ID\":12",
            "{\"ID\":-1,",
            "{\"type\":\"error\",\"ID\":3}",
            " {\"ID\":3}",
        ] {
            assert_eq!(new_message_id(frame), None, "{frame}");
        }
        assert_eq!(new_message_id("{\"ID\":0,\"type\":\"system\"}"), Some(0));
    }

    #[test]
    fn messages_received_once_and_in_order_have_no_fault() {
        let tally = received(4, &[5, 6, 9]);
        assert_eq!((tally.fresh(), tally.repeated(), tally.missing(3)), (3, 0, 0));
    }

    #[test]
    fn a_gap_is_missing() {
        assert_eq!(received(4, &[5, 9]).missing(3), 1);
    }

    #[test]
    fn a_repetition_is_no_substitute_for_a_lost_message() {
        let tally = received(4, &[5, 5, 6]);
        assert_eq!((tally.fresh(), tally.repeated(), tally.missing(3)), (2, 1, 1));
    }

    #[test]
    fn a_late_message_is_counted_as_out_of_order() {
        let tally = received(0, &[1, 3, 2]);
        assert_eq!((tally.fresh(), tally.repeated(), tally.missing(3)), (2, 1, 1));
    }

    #[test]
    fn messages_before_the_start_do_not_count() {
        let tally = received(4, &[0, 3, 4, 5]);
        assert_eq!((tally.fresh(), tally.repeated(), tally.last()), (1, 0, 5));
    }

    #[test]
    fn arrivals_are_recorded_on_request_and_from_the_start_only() {
        let mut tally = Tally::with_arrivals();
        tally.note(1, Instant::now());
        tally.start_after(1);
        [2, 2, 3].into_iter().for_each(|message| tally.note(message, Instant::now()));
        let messages: Vec<i64> = tally.arrivals().iter().map(|arrival| arrival.message).collect();
        assert_eq!(messages, [2, 3]);
        assert!(received(0, &[1]).arrivals().is_empty());
    }
}
