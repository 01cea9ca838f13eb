//! Compressed messages (RFC 7692): what any sender compresses is read however it was cut, what the server compresses
//! any receiver reads, and no input makes a decoder panic or exceed its limit.

use chat_websocket::{Deflate, Opcode, ProtocolError, Role, compress_frames, encode};
use proptest::{prelude::*, sample::Index};

use crate::{
    config,
    support::{Event, RawFrame, Verdict, cuts, decode, decode_inflating, deflate, role, split},
};

const LIMIT: usize = 1 << 17;
/// The reserved bit that marks a compressed message.
const COMPRESSED: u8 = 0b100;

fn text() -> impl Strategy<Value = String> {
    let letters = prop::collection::vec("[a-z ]{1,12}|\\PC{1,3}|\"|[0-9]{1,6}", 0..60);
    (letters, 1..40_usize).prop_map(|(letters, times)| letters.concat().repeat(times))
}

fn message() -> impl Strategy<Value = Event> {
    let noise = prop::collection::vec(any::<u8>(), 0..3000);
    prop_oneof![3 => text().prop_map(Event::Text), 1 => noise.prop_map(Event::Binary)]
}

/// Writes a compressed message in one frame more than there are cuts, with a ping before every continuation.
fn write_compressed(out: &mut Vec<u8>, reader: Role, opcode: Opcode, payload: &[u8], cuts: &[Index]) {
    let fragments = split(payload, cuts);
    let last = fragments.len() - 1;
    for (index, fragment) in fragments.into_iter().enumerate() {
        let (opcode, reserved) = if index == 0 { (opcode, COMPRESSED) } else { (Opcode::Continuation, 0) };
        if index > 0 {
            RawFrame::legal(true, Opcode::Ping, b"between", [7; 4]).write_to(out, reader);
        }
        let frame = RawFrame::legal(index == last, opcode, fragment, [1, 2, 3, 4]);
        RawFrame { reserved, ..frame }.write_to(out, reader);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_message_that_any_sender_compresses_is_read(
        reader in role(),
        messages in prop::collection::vec((message(), 0..=9_u32, 9..=15_u8, cuts()), 1..4),
        cuts in cuts(),
    ) {
        let mut bytes = Vec::new();
        for (message, level, window_bits, cuts) in &messages {
            let (opcode, payload) = message.frame();
            write_compressed(&mut bytes, reader, opcode, &deflate(&payload, *level, *window_bits), cuts);
        }
        let (events, verdict) = decode_inflating(reader, LIMIT, split(&bytes, &cuts));
        let read: Vec<_> = events.into_iter().filter(|event| !matches!(event, Event::Ping(_))).collect();
        prop_assert_eq!(read, messages.into_iter().map(|(message, ..)| message).collect::<Vec<_>>());
        prop_assert_eq!(verdict, Verdict::Open);
    }

    #[test]
    fn what_the_server_compresses_is_what_it_would_have_sent(
        messages in prop::collection::vec(message(), 1..5),
        cuts in cuts(),
    ) {
        let encode = |event: &Event| {
            let (opcode, payload) = event.frame();
            encode(opcode, &payload)
        };
        let frames = messages.iter().map(encode).collect::<Vec<_>>().concat();
        let sent = compress_frames(&frames);
        if let Some(sent) = &sent {
            prop_assert!(sent.len() < frames.len());
        }
        let sent = sent.as_deref().unwrap_or(&frames);
        prop_assert_eq!(decode_inflating(Role::Client, LIMIT, split(sent, &cuts)), (messages, Verdict::Open));
    }

    #[test]
    fn arbitrary_compressed_bytes_neither_panic_nor_exceed_the_limit(
        reader in role(),
        opcode in prop_oneof![Just(Opcode::Text), Just(Opcode::Binary)],
        noise in prop::collection::vec(any::<u8>(), 0..400),
        valid in text(),
        spoiled: Index,
        limit in 0..5000_usize,
        cuts in cuts(),
    ) {
        let mut almost_valid = deflate(valid.as_bytes(), 6, 15);
        let at = spoiled.index(almost_valid.len());
        almost_valid[at] ^= noise.first().copied().unwrap_or(1);
        for payload in [&noise, &almost_valid] {
            let mut bytes = Vec::new();
            write_compressed(&mut bytes, reader, opcode, payload, &cuts);
            let (events, _) = decode_inflating(reader, limit, split(&bytes, &cuts));
            for event in events {
                prop_assert!(event.frame().1.len() <= limit.max("between".len()));
            }
        }
    }

    #[test]
    fn reserved_bits_are_refused_anywhere_but_on_the_first_frame_of_a_message(
        reader in role(),
        reserved in 1..8_u8,
        opcode in prop_oneof![
            Just(Opcode::Text), Just(Opcode::Binary), Just(Opcode::Continuation),
            Just(Opcode::Ping), Just(Opcode::Pong), Just(Opcode::Close),
        ],
    ) {
        let mut bytes = Vec::new();
        if opcode == Opcode::Continuation {
            RawFrame::legal(false, Opcode::Text, b"a", [0; 4]).write_to(&mut bytes, reader);
        }
        RawFrame { reserved, ..RawFrame::legal(true, opcode, &[0], [0; 4]) }.write_to(&mut bytes, reader);
        let refused = Verdict::Refused(Some(ProtocolError::ReservedBits));
        prop_assert_eq!(decode(reader, LIMIT, [&bytes[..]]).1, refused, "nothing was agreed");
        let is_legal = reserved == COMPRESSED && matches!(opcode, Opcode::Text | Opcode::Binary);
        prop_assert_eq!(decode_inflating(reader, LIMIT, [&bytes[..]]).1 == refused, !is_legal);
    }

    #[test]
    fn arbitrary_offers_are_read_without_panic(
        offers in prop::collection::vec("[ -~]{0,60}|(permessage-deflate|;|,|=|\"|\\\\| |[a-z_]{1,26}|[0-9]{1,3}){0,12}", 0..4),
    ) {
        if let Some(deflate) = Deflate::accept(offers.iter().map(String::as_str)) {
            prop_assert!(deflate.to_string().starts_with("permessage-deflate; server_no_context_takeover"));
        }
    }
}

#[test]
fn a_bomb_is_refused_as_too_big_however_it_is_cut() {
    let bomb = deflate(&vec![b' '; 10 << 20], 9, 15);
    assert!(bomb.len() < LIMIT, "its compressed form is within the limit");
    let mut bytes = Vec::new();
    write_compressed(&mut bytes, Role::Server, Opcode::Text, &bomb, &[]);
    let too_big = (Vec::new(), Verdict::Refused(Some(ProtocolError::MessageTooBig)));
    assert_eq!(decode_inflating(Role::Server, LIMIT, [&bytes[..]]), too_big);
    assert_eq!(decode_inflating(Role::Server, LIMIT, bytes.chunks(1000)), too_big);
    assert_eq!(ProtocolError::MessageTooBig.close_code(), 1009);
}
