//! The decoder's rules, one by one, on frames written by hand.

use super::Decoder;
use crate::{
    encoder::{encode, encode_close, encode_masked},
    error::ProtocolError,
    frame::{Opcode, Role},
    incoming::Incoming,
};

const LIMIT: usize = 1000;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Decodes as a client, whose input is unmasked and therefore readable; one call for each piece.
fn decode(pieces: &[&[u8]]) -> (Vec<String>, Result<(), ProtocolError>) {
    let mut decoder = Decoder::new(Role::Client, LIMIT);
    let mut seen = Vec::new();
    let result = pieces.iter().try_for_each(|piece| {
        decoder.feed(&mut piece.to_vec(), |incoming| seen.push(format!("{incoming:?}")))
    });
    (seen, result)
}

fn error_of(input: &[u8]) -> Option<ProtocolError> {
    decode(&[input]).1.err()
}

fn server_error_of(input: &[u8]) -> Option<ProtocolError> {
    Decoder::new(Role::Server, LIMIT).feed(&mut input.to_vec(), |_| {}).err()
}

#[test]
fn a_whole_frame_is_borrowed_from_the_input() {
    let mut input = encode_masked(Opcode::Text, b"Hello", KEY).to_vec();
    let range = input.as_ptr_range();
    let mut decoder = Decoder::new(Role::Server, LIMIT);
    let mut visits = 0;
    let result = decoder.feed(&mut input, |incoming| {
        visits += 1;
        assert_eq!(incoming, Incoming::Text("Hello"));
        assert!(matches!(incoming, Incoming::Text(text) if range.contains(&text.as_ptr())));
    });
    assert_eq!((result, visits, decoder.buffered_bytes()), (Ok(()), 1, 0));
}

#[test]
fn every_kind_of_frame_is_visited_in_order() {
    let (seen, result) = decode(&[b"\x81\x01a\x82\x01b\x89\x01c\x8A\x01d\x88\x03\x03\xE8x"]);
    assert_eq!(result, Ok(()));
    assert_eq!(
        seen,
        [
            r#"Text("a")"#,
            "Binary([98])",
            "Ping([99])",
            "Pong([100])",
            r#"Close { code: Some(1000), reason: "x" }"#
        ]
    );
}

#[test]
fn empty_frames_are_complete_with_their_header() {
    let (seen, result) = decode(&[b"\x81", b"\x00\x82\x00\x89\x00", b"\x88\x00"]);
    assert_eq!(result, Ok(()));
    assert_eq!(seen, [r#"Text("")"#, "Binary([])", "Ping([])", r#"Close { code: None, reason: "" }"#]);
}

#[test]
fn reserved_bits_and_opcodes_are_refused() {
    for bit in [0x40, 0x20, 0x10] {
        assert_eq!(error_of(&[0x81 | bit]), Some(ProtocolError::ReservedBits));
    }
    for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        assert_eq!(error_of(&[0x80 | opcode]), Some(ProtocolError::UnknownOpcode(opcode)));
    }
}

#[test]
fn each_role_requires_its_masking() {
    assert_eq!(server_error_of(b"\x81\x05"), Some(ProtocolError::UnmaskedFrame));
    assert_eq!(server_error_of(b"\x81\x85"), None);
    assert_eq!(error_of(b"\x81\x85"), Some(ProtocolError::MaskedFrame));
    assert_eq!(error_of(b"\x81\x05"), None);
}

#[test]
fn control_frames_are_short_and_whole() {
    for opcode in [8, 9, 0xA] {
        assert_eq!(error_of(&[opcode]), Some(ProtocolError::FragmentedControl));
        assert_eq!(error_of(&[0x80 | opcode, 126]), Some(ProtocolError::ControlTooLong));
        assert_eq!(error_of(&[0x80 | opcode, 127]), Some(ProtocolError::ControlTooLong));
        assert_eq!(error_of(&[0x80 | opcode, 125]), None);
    }
}

#[test]
fn control_frames_do_not_count_towards_the_limit() {
    let mut decoder = Decoder::new(Role::Client, 1);
    let mut ping = encode(Opcode::Ping, &[7; 125]).to_vec();
    assert_eq!(decoder.feed(&mut ping, |_| {}), Ok(()));
}

#[test]
fn fragments_make_one_message() {
    let (seen, result) = decode(&[b"\x01\x03Hel\x80\x02lo"]);
    assert_eq!((seen, result), (vec![r#"Text("Hello")"#.to_owned()], Ok(())));
    let (seen, result) = decode(&[b"\x02\x00", b"\x00\x01a", b"\x00\x00\x80\x00"]);
    assert_eq!((seen, result), (vec!["Binary([97])".to_owned()], Ok(())));
}

#[test]
fn control_frames_may_come_between_fragments_and_be_split() {
    let (seen, result) = decode(&[b"\x01\x03Hel\x89\x03p", b"i", b"n\x80\x02l", b"o\x81\x00"]);
    assert_eq!(result, Ok(()));
    assert_eq!(seen, ["Ping([112, 105, 110])", r#"Text("Hello")"#, r#"Text("")"#]);
}

#[test]
fn continuations_must_continue_something() {
    assert_eq!(error_of(b"\x80"), Some(ProtocolError::UnexpectedContinuation));
    assert_eq!(error_of(b"\x00"), Some(ProtocolError::UnexpectedContinuation));
    assert_eq!(error_of(b"\x01\x00\x80\x00\x80"), Some(ProtocolError::UnexpectedContinuation));
    assert_eq!(error_of(b"\x01\x00\x81"), Some(ProtocolError::InterruptedMessage));
    assert_eq!(error_of(b"\x02\x00\x01"), Some(ProtocolError::InterruptedMessage));
}

#[test]
fn lengths_must_be_minimal_and_in_range() {
    assert_eq!(error_of(b"\x82\x7E\x00\x7D"), Some(ProtocolError::NonMinimalLength));
    assert_eq!(error_of(b"\x82\x7E\x00\x7E"), None);
    assert_eq!(error_of(b"\x82\x7F\0\0\0\0\0\0\xFF\xFF"), Some(ProtocolError::NonMinimalLength));
    assert_eq!(error_of(b"\x82\x7F\0\0\0\0\0\x01\0\0"), Some(ProtocolError::MessageTooBig));
    assert_eq!(error_of(b"\x82\x7F\x80\0\0\0\0\0\0\0"), Some(ProtocolError::OversizedLength));
    assert_eq!(error_of(b"\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), Some(ProtocolError::MessageTooBig));
}

#[test]
fn the_limit_is_enforced_by_the_header_alone() {
    // 1000 is 0x3E8.
    assert_eq!(error_of(b"\x82\x7E\x03\xE8"), None);
    assert_eq!(error_of(b"\x82\x7E\x03\xE9"), Some(ProtocolError::MessageTooBig));
    // The server knows before the masking key has arrived.
    assert_eq!(server_error_of(b"\x82\xFE\x03\xE9"), Some(ProtocolError::MessageTooBig));
    let mut fragments = b"\x02\x7E\x03\xE7".to_vec();
    fragments.extend([0; 999]);
    assert_eq!(error_of(&[&fragments[..], b"\x00\x01x\x80\x00"].concat()), None);
    assert_eq!(error_of(&[&fragments[..], b"\x00\x02"].concat()), Some(ProtocolError::MessageTooBig));
}

#[test]
fn text_fails_at_its_first_bad_byte() {
    // Autobahn 6.4.3: U+110000 in a frame that has not arrived whole.
    let prefix = b"\x81\x15\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4";
    assert_eq!(decode(&[prefix]).1, Ok(()));
    assert_eq!(decode(&[prefix, b"\x90"]).1, Err(ProtocolError::InvalidUtf8));
    // The same across fragments, and a character torn apart by a frame's end.
    assert_eq!(error_of(b"\x01\x01\xF4\x00\x01\x90"), Some(ProtocolError::InvalidUtf8));
    assert_eq!(decode(&[b"\x01\x01\xC3\x80\x01\xA9"]).0, [r#"Text("é")"#]);
    assert_eq!(error_of(b"\x81\x01\xC3"), Some(ProtocolError::InvalidUtf8));
    assert_eq!(error_of(b"\x01\x01\xC3\x80\x00"), Some(ProtocolError::InvalidUtf8));
    // Binary messages are not text.
    assert_eq!(error_of(b"\x02\x01\xFF\x80\x01\xFF"), None);
}

#[test]
fn invalid_close_frames_are_refused() {
    assert_eq!(error_of(b"\x88\x01\x03"), Some(ProtocolError::TruncatedCloseCode));
    assert_eq!(error_of(b"\x88\x02\x03\xED"), Some(ProtocolError::InvalidCloseCode(1005)));
    assert_eq!(error_of(b"\x88\x03\x03\xE8\xFF"), Some(ProtocolError::InvalidUtf8));
}

#[test]
fn nothing_is_decoded_after_a_close_frame() {
    let mut decoder = Decoder::new(Role::Client, LIMIT);
    let mut input = [&encode_close(1000, "bye")[..], b"\x81\x01a\xFF"].concat();
    let mut seen = Vec::new();
    assert_eq!(decoder.feed(&mut input, |incoming| seen.push(format!("{incoming:?}"))), Ok(()));
    assert_eq!(seen, [r#"Close { code: Some(1000), reason: "bye" }"#]);
    assert!(decoder.is_finished());
    assert_eq!(decoder.feed(&mut [], |_| {}), Err(ProtocolError::Finished));
}

#[test]
fn nothing_is_decoded_after_an_error() {
    let mut decoder = Decoder::new(Role::Client, LIMIT);
    let mut visits = 0;
    let result = decoder.feed(&mut b"\x81\x01a\x02\x01b\x83\x81\x01c".to_vec(), |_| visits += 1);
    assert_eq!((result, visits), (Err(ProtocolError::UnknownOpcode(3)), 1));
    assert_eq!(decoder.buffered_bytes(), 0);
    let result = decoder.feed(&mut b"\x81\x01a".to_vec(), |_| visits += 1);
    assert_eq!((result, visits), (Err(ProtocolError::Finished), 1));
}

#[test]
fn memory_is_held_only_while_something_is_incomplete() {
    let mut decoder = Decoder::new(Role::Client, LIMIT);
    let incomplete: [(&[u8], &[u8]); 4] =
        [(b"\x81", b"\x00"), (b"\x81\x02a", b"b"), (b"\x89\x02a", b"b"), (b"\x01\x01a", b"\x80\x00")];
    for (begin, end) in incomplete {
        assert_eq!(decoder.feed(&mut begin.to_vec(), |_| {}), Ok(()));
        assert!(decoder.buffered_bytes() > 0, "{begin:x?}");
        assert_eq!(decoder.feed(&mut end.to_vec(), |_| {}), Ok(()));
        assert_eq!(decoder.buffered_bytes(), 0, "{begin:x?}");
    }
}

#[test]
fn memory_follows_what_arrived_and_stays_within_the_limit() {
    let overhead = size_of::<crate::pending::Pending>();
    let mut decoder = Decoder::new(Role::Client, LIMIT);
    assert_eq!(decoder.feed(&mut b"\x02\x7E\x03\xE7".to_vec(), |_| {}), Ok(()));
    assert_eq!(decoder.buffered_bytes(), overhead);
    for arrived in 1..=999 {
        assert_eq!(decoder.feed(&mut [0], |_| {}), Ok(()));
        let held = decoder.buffered_bytes() - overhead;
        assert!((arrived..=LIMIT.min(2 * arrived)).contains(&held), "{held} for {arrived}");
    }
}
