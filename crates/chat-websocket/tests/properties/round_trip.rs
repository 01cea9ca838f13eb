//! Decoding returns what was encoded, by this crate or by tungstenite, however the bytes were split.

use chat_websocket::{Opcode, Role};
use proptest::{prelude::*, sample::Index};

use crate::{
    config,
    support::{Event, RawFrame, Verdict, cuts, decode, encode_for, role, split},
    tungstenite_peer,
};

const LIMIT: usize = 1 << 20;

/// Payload lengths around every boundary at which the header changes its form.
fn len() -> impl Strategy<Value = usize> {
    prop_oneof![20 => 0..20_usize, 10 => 120..132_usize, 2 => 250..3000_usize, 1 => 65_530..65_540_usize]
}

fn text() -> impl Strategy<Value = String> {
    let alphabet = prop_oneof![Just("a"), Just("é"), Just("€"), Just("𝄞"), Just("\u{0}")];
    (prop::collection::vec(alphabet, 1..6), len())
        .prop_map(|(letters, len)| letters.into_iter().cycle().take(len).collect())
}

fn bytes(len: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    (any::<[u8; 3]>(), len).prop_map(|(pattern, len)| pattern.into_iter().cycle().take(len).collect())
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => text().prop_map(Event::Text),
        4 => bytes(len()).prop_map(Event::Binary),
        1 => bytes(0..=125_usize).prop_map(Event::Ping),
        1 => bytes(0..=125_usize).prop_map(Event::Pong),
    ]
}

fn close() -> impl Strategy<Value = Event> {
    // 1014 may be sent too, but tungstenite refuses it.
    let code = prop_oneof![1000..=1003_u16, 1007..=1013_u16, 3000..=4999_u16];
    prop::option::of((code, "\\PC{0,30}")).prop_map(Event::Close)
}

/// Any number of events; the last may be a close frame.
fn events() -> impl Strategy<Value = Vec<Event>> {
    (prop::collection::vec(event(), 0..8), prop::option::of(close())).prop_map(|(mut events, close)| {
        events.extend(close);
        events
    })
}

fn expected_verdict(events: &[Event]) -> Verdict {
    match events.last() {
        Some(Event::Close(_)) => Verdict::Closed,
        _ => Verdict::Open,
    }
}

/// Writes `event` in one frame more than there are cuts, with a ping before every continuation. Returns the
/// number of pings.
fn write_fragments(out: &mut Vec<u8>, reader: Role, event: &Event, cuts: &[Index], key: [u8; 4]) -> usize {
    let (opcode, payload) = event.frame();
    let fragments = if opcode.is_control() { vec![&payload[..]] } else { split(&payload, cuts) };
    let last = fragments.len() - 1;
    for (index, fragment) in fragments.into_iter().enumerate() {
        let opcode = if index == 0 {
            opcode
        } else {
            RawFrame::legal(true, Opcode::Ping, b"between", key).write_to(out, reader);
            Opcode::Continuation
        };
        RawFrame::legal(index == last, opcode, fragment, key).write_to(out, reader);
    }
    last
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn our_frames_are_decoded_by_us_and_by_tungstenite(
        role in role(), events in events(), cuts in cuts(), key: [u8; 4],
    ) {
        let mut encoded = Vec::new();
        for event in &events {
            encode_for(role, &mut encoded, event, key);
        }
        let expected = (events.clone(), expected_verdict(&events));
        prop_assert_eq!(&decode(role, LIMIT, split(&encoded, &cuts)), &expected);
        prop_assert_eq!(&tungstenite_peer::decode(role, LIMIT, &encoded), &expected);
    }

    #[test]
    fn frames_of_tungstenite_are_decoded(role in role(), events in events(), cuts in cuts()) {
        let encoded = tungstenite_peer::encode(role, &events);
        let expected = (events.clone(), expected_verdict(&events));
        prop_assert_eq!(decode(role, LIMIT, split(&encoded, &cuts)), expected);
    }

    #[test]
    fn fragments_with_pings_between_are_joined(
        role in role(), event in event(), fragments in cuts(), cuts in cuts(), key: [u8; 4],
    ) {
        let mut encoded = Vec::new();
        let pings = write_fragments(&mut encoded, role, &event, &fragments, key);
        let mut expected = vec![Event::Ping(b"between".to_vec()); pings];
        expected.push(event);
        prop_assert_eq!(decode(role, LIMIT, split(&encoded, &cuts)), (expected, Verdict::Open));
    }
}
