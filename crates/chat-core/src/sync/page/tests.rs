//! Pages of changes: what they hold, where they end, and that no change is lost between two of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::conversations::{Audience, ConversationKind, Counts, OwnPart};
use crate::ids::{GroupId, Rev};
use crate::sample;
use crate::time::Timestamp;

const GROUP: ConversationId = ConversationId(3);
const TOM: UserId = UserId(1);
const JERRY: UserId = UserId(2);

fn concerned() -> ChangedConversation {
    let at = Position;
    let (changed, meta, receipts, joined, state) = (at(90), at(10), at(80), at(20), at(0));
    ChangedConversation {
        id: GROUP,
        last: Seq(9),
        n_members: 2,
        changed,
        meta,
        receipts,
        joined,
        state,
        is_back: false,
    }
}

fn group() -> Conversation {
    Conversation {
        id: GROUP,
        kind: ConversationKind::Group { id: GroupId(7), name: "Mice".into(), owner: TOM },
        rev: Rev(70),
        last_seq: Seq(9),
        n_members: 2,
        created_at: Timestamp(0),
    }
}

fn place() -> PointerScope {
    PointerScope { conversation: GROUP, last: Seq(9), n_members: 2, members: Audience::Group(GROUP) }
}

fn at(delivered: i64, read: i64) -> Pointers {
    Pointers { delivered: Seq(delivered), read: Seq(read) }
}

fn positions(page: &Page) -> Vec<i64> {
    page.items.iter().map(|item| item.position.0).collect()
}

#[test]
fn messages_before_joining_are_for_former_members() {
    let back = ChangedConversation { is_back: true, ..concerned() };
    for (conversation, after, expected) in
        [(concerned(), 5, 20), (concerned(), 30, 30), (back, 5, 5), (back, 30, 30)]
    {
        assert_eq!(conversation.messages_after(Position(after)), Position(expected));
    }
}

#[test]
fn a_conversation_comes_at_the_first_of_its_changes() {
    for (after, expected) in [(0, Some(10)), (9, Some(10)), (10, Some(20)), (20, None)] {
        assert_eq!(concerned().seen_at(Position(after)), expected.map(Position), "after {after}");
    }
}

#[test]
fn a_full_page_ends_between_two_positions() {
    let fill = |limit| {
        let mut filling = PageBuilder::new(Position(0), Position(99), limit);
        for position in [1, 2, 2, 2, 5] {
            filling.posted(Position(position), MessageId(position));
        }
        let page = filling.finish(Vec::new());
        (positions(&page), page.up_to.0, page.complete)
    };
    assert_eq!(fill(0), (vec![1], 1, false));
    assert_eq!(fill(1), (vec![1], 1, false));
    for limit in 2..5 {
        assert_eq!(fill(limit), (vec![1, 2, 2, 2], 2, false), "{limit}");
    }
    assert_eq!(fill(5), (vec![1, 2, 2, 2, 5], 99, true));
}

#[test]
fn nothing_is_looked_for_beyond_a_full_page() {
    let mut filling = PageBuilder::new(Position(0), Position(99), 2);
    assert_eq!((filling.horizon(), filling.enough()), (Position(99), 3));
    for position in [8, 4, 6, 9] {
        filling.saved(Position(position), MessageId(position), true);
    }
    filling.narrow();
    assert_eq!(filling.horizon(), Position(8));
    assert_eq!(positions(&filling.finish(Vec::new())), [4, 6]);
}

#[test]
fn the_conversation_comes_before_its_contents() {
    let mut filling = PageBuilder::new(Position(0), Position(99), 10);
    filling.posted(Position(10), MessageId(30));
    filling.conversation(&concerned());
    let page = filling.finish(Vec::new());
    let [seen, posted] = page.items.as_slice() else { panic!("{page:?}") };
    assert_eq!((&seen.what, &posted.what), (&What::Seen(GROUP), &What::Posted(MessageId(30))));
}

#[test]
fn conversations_that_were_left_come_first_and_are_never_cut_off() {
    let left = [4, 5].map(ConversationId);
    for limit in [1, 10] {
        let mut filling = PageBuilder::new(Position(0), Position(99), limit);
        for position in [7, 8, 9] {
            filling.hidden(Position(position), GROUP, MessageId(position));
        }
        let page = filling.finish(vec![(Position(50), left[0], None), (Position(60), left[1], None)]);
        assert_eq!(page.left(), left);
        assert_eq!(positions(&page)[..3], [7, 7, 7]);
        assert_eq!(page.complete, limit == 10);
    }
    let page = PageBuilder::new(Position(0), Position(99), 1).finish(vec![(Position(50), left[0], None)]);
    assert_eq!((positions(&page), page.complete), (vec![50], true));
}

#[test]
fn pointers_that_moved_together_are_one_event() {
    let mut filling = PageBuilder::new(Position(0), Position(99), 10);
    filling.moved(Position(5), GROUP, (TOM, at(4, 4)));
    filling.moved(Position(5), GROUP, (JERRY, at(3, 0)));
    filling.moved(Position(6), GROUP, (UserId(3), at(2, 0)));
    filling.moved(Position(7), ConversationId(4), (JERRY, at(2, 0)));
    let page = filling.finish(Vec::new());
    assert_eq!((page.moved(), page.counted(TOM)), (vec![GROUP, ConversationId(4)], vec![GROUP]));
    let counts = Counts { unread: 5, mentions: 1 };
    let waiting = Counted { counts, read: Seq(4), last: Seq(9), rev: Rev(70) };
    let present = Present { places: vec![place()], counted: vec![(GROUP, waiting)], ..Present::default() };
    let events = page.changes(TOM, present).events;
    let changes: Vec<_> = events.into_iter().map(|event| event.change).collect();
    let receipt = |user, pointers| place().receipt(user, pointers);
    let own = crate::receipts::Receipt { counts: Some(waiting), ..receipt(TOM, at(4, 4)) };
    let together = Change::PointersMoved(vec![own, receipt(JERRY, at(3, 0))]);
    let alone = Change::PointersMoved(vec![receipt(UserId(3), at(2, 0))]);
    assert_eq!(changes, [together, alone]);
}

#[test]
fn hidden_messages_come_with_the_counts_of_their_conversation() {
    let (counted, uncounted) = (MessageId(30), MessageId(31));
    let mut filling = PageBuilder::new(Position(0), Position(99), 10);
    filling.hidden(Position(5), GROUP, counted);
    filling.hidden(Position(6), GROUP, counted);
    filling.hidden(Position(7), ConversationId(4), uncounted);
    let page = filling.finish(Vec::new());
    assert_eq!(page.counted(TOM), [GROUP, ConversationId(4)]);
    let waiting = Counted { rev: Rev(70), ..Counted::default() };
    let events = page.changes(TOM, Present { counted: vec![(GROUP, waiting)], ..Present::default() }).events;
    let received = events.into_iter().map(|event| match event.change {
        Change::MessageHidden { message, counted, .. } => (message, counted),
        other => panic!("{other:?}"),
    });
    let expected = [(counted, Some(waiting)), (counted, Some(waiting)), (uncounted, None)];
    assert_eq!(received.collect::<Vec<_>>(), expected);
}

#[test]
fn objects_that_no_longer_exist_are_left_out() {
    let mut filling = PageBuilder::new(Position(0), Position(99), 10);
    filling.conversation(&concerned());
    filling.posted(Position(21), MessageId(30));
    filling.changed(Position(22), MessageId(31), "edited");
    filling.moved(Position(23), GROUP, (TOM, at(4, 4)));
    filling.saved(Position(24), MessageId(32), false);
    let page = filling.finish(vec![(Position(40), ConversationId(4), None)]);
    let changes = page.changes(TOM, Present::default());
    let saved = Change::MessageSaved { user: TOM, message: MessageId(32), saved: false };
    assert_eq!(changes.events, [Event { position: Position(24), change: saved }]);
    assert_eq!((changes.up_to, changes.complete), (Position(99), true));
}

#[test]
fn a_page_has_the_present_state() {
    let mut filling = PageBuilder::new(Position(0), Position(99), 10);
    filling.conversation(&concerned());
    filling.posted(Position(21), MessageId(30));
    filling.changed(Position(22), MessageId(31), "pinned");
    filling.changed(Position(23), MessageId(32), "of a later release");
    let then = Departure { rev: Rev(60), owner: JERRY };
    let page = filling.finish(vec![(Position(40), ConversationId(4), Some(then))]);
    let message = |id| Message { id: MessageId(id), ..sample::text("hi") };
    let view = ConversationView { conversation: group(), own: OwnPart::default(), last_message: None };
    let other = Conversation { id: ConversationId(4), ..group() };
    let present = Present {
        messages: vec![message(32), message(31), message(30)],
        views: vec![view.clone()],
        left: vec![other.clone()],
        ..Present::default()
    };
    assert_eq!((page.messages().len(), page.seen()), (3, vec![GROUP]));
    let changed = |id, what| Change::MessageChanged { message: message(id), what };
    let expected = [
        Change::MemberRemoved { conversation: other.as_left(Some(then)), user: TOM },
        Change::OwnPartChanged { user: TOM, view: Box::new(view) },
        Change::MessagePosted(message(30)),
        changed(31, MessageEvent::Pinned),
        changed(32, MessageEvent::Edited),
    ];
    let changes: Vec<_> = page.changes(TOM, present).events.into_iter().map(|event| event.change).collect();
    assert_eq!(changes, expected);
}

/// Returns a page as a store fills it: the first changes of each source after a log position, up to the horizon.
fn page(sources: &[BTreeSet<i64>], after: Position, limit: u16) -> Page {
    let mut filling = PageBuilder::new(after, Position(100), limit);
    for source in sources {
        let enough = usize::try_from(filling.enough()).unwrap();
        let horizon = filling.horizon();
        let wanted = |position: &&i64| **position > after.0 && **position <= horizon.0;
        for position in source.iter().filter(wanted).take(enough) {
            filling.posted(Position(*position), MessageId(*position));
        }
        filling.narrow();
    }
    filling.finish(Vec::new())
}

proptest! {
    // Page after page, a client gets every change once and in order, however many changes a page holds.
    #[test]
    fn no_change_is_lost_between_two_pages(
        sources in prop::collection::vec(prop::collection::btree_set(1..100_i64, 0..12), 1..4),
        limit in 1..6_u16,
    ) {
        let mut received = Vec::new();
        let mut after = Position(0);
        loop {
            let page = page(&sources, after, limit);
            prop_assert!(positions(&page).iter().all(|position| after.0 < *position && *position <= page.up_to.0));
            received.extend(positions(&page));
            if page.complete {
                break;
            }
            prop_assert!(page.up_to > after);
            after = page.up_to;
        }
        let mut all: Vec<i64> = sources.into_iter().flatten().collect();
        all.sort_unstable();
        prop_assert_eq!(received, all);
    }
}
