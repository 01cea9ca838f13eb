//! The MUSTs of live text.

use chat_core::changes::{Changed, MessageEvent};
use chat_core::conversations::Audience;
use chat_core::event::Change;
use chat_core::ids::{MessageId, UserId};
use chat_core::live_text::{Appended, Ending, Piece};
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::NewMessage;
use chat_core::{Error, Result};
use proptest::prelude::*;

use super::house::{House, code, deed, message, runtime};
use super::ledger;

const MAX_BYTES: usize = 64;

fn piece(offset: u32, content: &str) -> Piece {
    Piece { offset, content: content.into() }
}

fn ending(state: Streaming, content: Option<&str>) -> Ending {
    Ending { state, content: content.map(str::to_owned) }
}

async fn growing(house: &House, sender: UserId, to: Recipient, content: &str) -> Message {
    house.post(NewMessage { streaming: Some(Streaming::Growing), ..message(sender, to, content) }).await
}

async fn append(house: &House, actor: UserId, message: &Message, piece: Piece) -> Result<Appended> {
    house.store.append(deed(actor, message), piece, MAX_BYTES).await
}

#[tokio::test]
async fn text_grows_piece_by_piece() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let sent = growing(&house, tom, Recipient::User(jerry), "").await;
    assert_eq!((sent.content.as_str(), sent.streaming), ("", Some(Streaming::Growing)));
    // Characters are counted, not bytes.
    for (offset, text, whole) in [(0, "Kä", "Kä"), (2, "se 🧀", "Käse 🧀"), (6, "\u{1}!", "Käse 🧀\u{1}!")]
    {
        let added = append(&house, tom, &sent, piece(offset, text)).await.unwrap();
        let read = house.store.message(jerry, sent.id).await.unwrap();
        assert_eq!((read.content.as_str(), read.rev, read.edited_at), (whole, added.rev, None));
        assert_eq!((added.message, added.seq, added.already), (sent.id, sent.seq, false));
        assert_eq!((added.piece.clone(), added.audience), (piece(offset, text), Audience::Pair(tom, jerry)));
        assert_eq!(usize::try_from(added.length), Ok(whole.chars().count()));
        let events = house.sink.events();
        let told = &events.last().unwrap().change;
        assert!(matches!(told, Change::TextAppended(told) if *told == added), "{told:?}");
    }
    assert_eq!(house.store.versions(tom, sent.id).await.unwrap(), []);
    ledger::check(&house).await;
}

#[tokio::test]
async fn a_piece_that_is_there_is_acknowledged_and_one_that_does_not_fit_refused() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let sent = growing(&house, tom, Recipient::User(jerry), "né").await;
    let first = append(&house, tom, &sent, piece(2, "e")).await.unwrap();
    let events = house.sink.events().len();
    let again = append(&house, tom, &sent, piece(2, "e")).await.unwrap();
    assert_eq!(again, Appended { already: true, ..first });
    for wrong in [piece(1, "x"), piece(4, "x"), piece(2, "ex"), piece(u32::MAX, "x")] {
        let Err(Error::Conflict { code, sentence }) = append(&house, tom, &sent, wrong).await else {
            panic!("it was taken")
        };
        assert!(code == "offset_mismatch" && sentence.contains('3'), "{code}: {sentence}");
    }
    assert_eq!(house.sink.events().len(), events);
    ledger::check(&house).await;
}

#[tokio::test]
async fn only_its_author_lets_a_message_grow_and_only_one_that_does() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry]).await;
    let sent = growing(&house, jerry, Recipient::Group(group.id), "a").await;
    let whole = house.say(jerry, Recipient::Group(group.id), "a").await;
    let gone = growing(&house, jerry, Recipient::Group(group.id), "a").await;
    house.store.delete(deed(jerry, &gone)).await.unwrap();
    let nowhere = Message { id: MessageId(99), ..sent.clone() };
    let events = house.sink.events().len();
    for (actor, message, wanted) in [
        (tom, &sent, "forbidden"),
        (spike, &sent, "message_not_found"),
        (jerry, &nowhere, "message_not_found"),
        (jerry, &whole, "not_growing"),
        (jerry, &gone, "message_deleted"),
    ] {
        assert_eq!(code(append(&house, actor, message, piece(1, "b")).await), wanted);
        let finished = house.store.finish(deed(actor, message), ending(Streaming::Finished, None)).await;
        assert_eq!(code(finished), wanted);
    }
    assert_eq!(house.sink.events().len(), events);
}

#[tokio::test]
async fn there_is_an_end_to_a_text() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let sent = growing(&house, tom, Recipient::User(jerry), &"é".repeat(MAX_BYTES / 2 - 1)).await;
    let length = u32::try_from(sent.content.chars().count()).unwrap();
    assert_eq!(code(append(&house, tom, &sent, piece(length, "abc")).await), "invalid_request");
    append(&house, tom, &sent, piece(length, "ab")).await.unwrap();
    assert_eq!(code(append(&house, tom, &sent, piece(length + 2, "c")).await), "invalid_request");
    assert!(append(&house, tom, &sent, piece(length, "ab")).await.unwrap().already);
    ledger::check(&house).await;
}

#[tokio::test]
async fn growth_ends_once_and_in_one_way() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let (finished, abandoned) = (Streaming::Finished, Streaming::Abandoned);
    for (state, other) in [(finished, abandoned), (abandoned, finished)] {
        let sent = growing(&house, tom, Recipient::User(jerry), "so far").await;
        let done = house.store.finish(deed(tom, &sent), ending(state, None)).await.unwrap();
        let Changed::Now(done, MessageEvent::Finished) = done else { panic!("{done:?}") };
        assert_eq!((done.content.as_str(), done.streaming, done.edited_at), ("so far", Some(state), None));
        let events = house.sink.events().len();
        let again = house.store.finish(deed(tom, &sent), ending(state, None)).await.unwrap();
        assert_eq!(again, Changed::Already(done));
        assert_eq!(code(house.store.finish(deed(tom, &sent), ending(other, None)).await), "not_growing");
        assert_eq!(code(append(&house, tom, &sent, piece(6, "x")).await), "not_growing");
        assert_eq!(house.sink.events().len(), events);
    }
    ledger::check(&house).await;
}

#[tokio::test]
async fn finishing_may_give_the_whole_text_and_then_it_can_be_edited() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let sent = growing(&house, tom, Recipient::User(jerry), "dra").await;
    let end = ending(Streaming::Finished, Some("the draft"));
    let done = house.store.finish(deed(tom, &sent), end.clone()).await.unwrap().into_message();
    assert_eq!(done.content, "the draft");
    assert_eq!(house.store.versions(tom, sent.id).await.unwrap(), [], "what was half-written is no version");
    house.store.edit(deed(tom, &sent), "edited".into()).await.unwrap();
    // The answer to the first one was lost, and its sender asks again.
    let again = house.store.finish(deed(tom, &sent), end).await.unwrap();
    assert!(matches!(&again, Changed::Already(message) if message.content == "edited"), "{again:?}");
    assert_eq!(house.store.versions(jerry, sent.id).await.unwrap()[0].content, "the draft");
    ledger::check(&house).await;
}

/// Pieces may be lost on the way, sent twice or late; as long as their sender goes by the answers, the text is whole.
#[test]
fn whatever_is_sent_again_the_text_is_that_of_its_pieces() {
    let runtime = runtime();
    let house = runtime.block_on(House::fresh());
    let [tom, jerry] = runtime.block_on(house.users(["tom", "jerry"]));
    let pieces = prop::collection::vec("[ab🧀é]{1,4}", 1..8);
    let picks = prop::collection::vec(0..8_usize, 0..24);
    let config = ProptestConfig::with_cases(48);
    proptest!(config, |(texts in pieces, picks in picks)| runtime.block_on(async {
        let sent = growing(&house, tom, Recipient::User(jerry), "").await;
        let mut offset = 0;
        let pieces: Vec<_> = texts.iter().map(|text| {
            let piece = piece(offset, text);
            offset += u32::try_from(text.chars().count()).unwrap();
            piece
        }).collect();
        let mut so_far = String::new();
        let in_order = 0..pieces.len();
        for index in picks.into_iter().chain(in_order).filter(|index| *index < pieces.len()) {
            let piece = &pieces[index];
            let length = u32::try_from(so_far.chars().count()).unwrap();
            let answer = house.store.append(deed(tom, &sent), piece.clone(), 4096).await;
            if piece.offset == length {
                so_far.push_str(&piece.content);
                assert!(!answer.unwrap().already);
            } else if piece.offset < length {
                assert!(answer.unwrap().already);
            } else {
                assert_eq!(code(answer), "offset_mismatch");
            }
        }
        assert_eq!(&so_far, &texts.concat());
        let read = house.store.message(jerry, sent.id).await.unwrap();
        assert_eq!(read.content, so_far);
    }));
    runtime.block_on(ledger::check(&house));
}
