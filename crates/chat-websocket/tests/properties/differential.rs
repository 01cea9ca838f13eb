//! Verdicts on hostile input, compared with those of tungstenite and with those of this crate on other
//! splits.
//!
//! The two implementations differ on purpose in four points:
//!
//! * Lengths that are not minimally encoded are refused here, as RFC 6455, section 5.2, demands, and so is
//!   any control frame with a long form of length; tungstenite accepts both.
//! * A frame is refused here at its first bad byte, in the header or in the text; tungstenite waits until the
//!   header, the mask or the whole payload has arrived.
//! * A close code that must not be sent is an error here; tungstenite replaces the close frame with one of
//!   its own, which the comparison counts as a refusal.
//! * The close code 1014 is registered and accepted here; tungstenite does not know it.

use chat_websocket::{ProtocolError, Role};
use proptest::{prelude::*, sample::Index};

use crate::{
    config,
    support::{Event, LengthForm, RawFrame, Verdict, cuts, decode, role, split},
    tungstenite_peer,
};

/// Small, so that generated messages exceed it, but larger than any control frame.
const LIMIT: usize = 150;

fn opcode() -> impl Strategy<Value = u8> {
    prop_oneof![30 => Just(0), 20 => Just(1), 15 => Just(2), 4 => Just(8), 8 => Just(9), 4 => Just(10), 1 => 3..=15_u8]
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let torn_text = prop::sample::select(vec![
        &b"text"[..],
        "é€𝄞".as_bytes(),
        b"",
        b"\xE2",
        b"\x82",
        b"\xAC",
        b"\xF0\x9D",
        b"\x84\x9E",
        b"\xC0\x80",
        b"\xED\xA0\x80",
        b"\xF4\x90",
        b"\xFF",
    ]);
    let code = prop_oneof![998..1018_u16, 2998..3002_u16, 4998..5002_u16, any::<u16>()];
    let close = (code, torn_text.clone()).prop_map(|(code, text)| [&code.to_be_bytes()[..], text].concat());
    prop_oneof![
        10 => torn_text.prop_map(<[u8]>::to_vec),
        6 => close,
        4 => (0..160_usize).prop_map(|len| vec![b'x'; len]),
        1 => prop::collection::vec(any::<u8>(), 0..10),
    ]
}

fn raw_frame() -> impl Strategy<Value = RawFrame> {
    let length_form = prop_oneof![
        100 => Just(LengthForm::Shortest),
        1 => Just(LengthForm::Bits16),
        1 => Just(LengthForm::Bits64),
        1 => Just(LengthForm::TopBit),
    ];
    let reserved = prop_oneof![50 => Just(0_u8), 1 => 1..8_u8];
    let header = (prop::bool::weighted(0.7), reserved, opcode(), prop::bool::weighted(0.01), length_form);
    (header, any::<[u8; 4]>(), payload()).prop_map(
        |((fin, reserved, opcode, wrong_mask, length_form), key, payload)| {
            // Most control frames are complete; otherwise few sequences would get beyond their first one.
            let fin = fin || (opcode >= 8 && key[0] < 240);
            RawFrame { fin, reserved, opcode, wrong_mask, length_form, key, payload }
        },
    )
}

/// Whole frames, legal or not, most of them part of a plausible sequence.
fn frames() -> impl Strategy<Value = Vec<RawFrame>> {
    prop::collection::vec(raw_frame(), 1..8).prop_map(|mut frames| {
        // Continuations only make sense inside a message: a byte of each key decides whether such a frame is
        // corrected.
        let mut in_message = false;
        for frame in &mut frames {
            let mend = frame.key[1] < 230;
            match frame.opcode {
                0 if !in_message && mend => frame.opcode = 1 + frame.key[2] % 2,
                1 | 2 if in_message && mend => frame.opcode = 0,
                _ => {}
            }
            if frame.opcode < 8 {
                in_message = !frame.fin;
            }
        }
        frames
    })
}

fn write(frames: &[RawFrame], reader: Role) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.write_to(&mut bytes, reader);
    }
    bytes
}

type Outcome = (Vec<Event>, Verdict);

/// Compares verdicts except for the error, which only this crate reports.
fn assert_same(ours: &Outcome, theirs: &Outcome) -> Result<(), TestCaseError> {
    prop_assert_eq!(&ours.0, &theirs.0);
    match (ours.1, theirs.1) {
        (Verdict::Refused(_), Verdict::Refused(_)) => {}
        (ours, theirs) => prop_assert_eq!(ours, theirs),
    }
    Ok(())
}

/// Compares results for input that may be cut off and may use long forms of lengths.
fn assert_compatible(ours: &Outcome, theirs: &Outcome) -> Result<(), TestCaseError> {
    match (ours.1, theirs.1) {
        (Verdict::Refused(Some(ProtocolError::NonMinimalLength | ProtocolError::ControlTooLong)), _) => {
            prop_assert!(theirs.0.starts_with(&ours.0));
        }
        (Verdict::Refused(_), Verdict::Open) => prop_assert_eq!(&ours.0, &theirs.0),
        _ => assert_same(ours, theirs)?,
    }
    Ok(())
}

/// Returns whether the stream ended with code 1014, which tungstenite does not know and so cannot judge.
fn ends_with_1014(events: &[Event]) -> bool {
    matches!(events.last(), Some(Event::Close(Some((1014, _)))))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whole_frames_get_the_verdict_of_tungstenite(role in role(), frames in frames(), cuts in cuts()) {
        let bytes = write(&frames, role);
        let ours = decode(role, LIMIT, split(&bytes, &cuts));
        prop_assume!(!ends_with_1014(&ours.0));
        let theirs = tungstenite_peer::decode(role, LIMIT, &bytes);
        if frames.iter().all(|frame| matches!(frame.length_form, LengthForm::Shortest)) {
            assert_same(&ours, &theirs)?;
        } else {
            assert_compatible(&ours, &theirs)?;
        }
    }

    #[test]
    fn cut_off_frames_are_compatible_with_the_verdict_of_tungstenite(
        role in role(), frames in frames(), end: Index,
    ) {
        let mut bytes = write(&frames, role);
        bytes.truncate(end.index(bytes.len() + 1));
        let ours = decode(role, LIMIT, [&bytes[..]]);
        prop_assume!(!ends_with_1014(&ours.0));
        assert_compatible(&ours, &tungstenite_peer::decode(role, LIMIT, &bytes))?;
    }

    #[test]
    fn arbitrary_bytes_are_compatible_with_the_verdict_of_tungstenite(
        role in role(), bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in cuts(),
    ) {
        let ours = decode(role, LIMIT, split(&bytes, &cuts));
        prop_assume!(!ends_with_1014(&ours.0));
        assert_compatible(&ours, &tungstenite_peer::decode(role, LIMIT, &bytes))?;
    }

    #[test]
    fn the_split_changes_nothing(role in role(), frames in frames(), cuts in cuts()) {
        let bytes = write(&frames, role);
        let at_once = decode(role, LIMIT, [&bytes[..]]);
        prop_assert_eq!(&decode(role, LIMIT, bytes.chunks(1)), &at_once);
        prop_assert_eq!(&decode(role, LIMIT, split(&bytes, &cuts)), &at_once);
    }
}
