//! Tests of reading ranges of a conversation by `seq`.

use chat_core::ids::{ConversationId, Seq};
use chat_core::messages::{MAX_PAGE, MessageRange, Recipient, Start};
use proptest::prelude::*;

use super::cluster::runtime;
use super::samples::{code, seqs};
use super::test_store::Stores;

pub fn a_range_holds_the_nearest_ones_oldest_first(stores: &dyn Stores) {
    const MESSAGES: i64 = 70;
    let runtime = runtime();
    let node = runtime.block_on(stores.fresh());
    let (tom, conversation) = runtime.block_on(async {
        let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
        let mut conversation = ConversationId(0);
        for number in 0..MESSAGES {
            conversation = node.say(tom, Recipient::User(jerry), "hi").await.conversation;
            if number % 3 == 0 {
                node.say(tom, Recipient::User(spike), "in between").await;
            }
        }
        (tom, conversation)
    });
    let place = prop_oneof![8 => -2..=MESSAGES + 2, 1 => any::<i64>()];
    let start = (0..3, place).prop_map(|(kind, seq)| match kind {
        0 => Start::Before(Seq(seq)),
        1 => Start::After(Seq(seq)),
        _ => Start::End,
    });
    proptest!(|(from in start, limit in 1..=MAX_PAGE)| {
        let range = MessageRange { thread: None, from, limit };
        let found = runtime.block_on(node.store.read_range(tom, conversation, range)).unwrap();
        let limit = usize::from(limit);
        let all = 1..=MESSAGES;
        let wanted: Vec<i64> = match from {
            Start::After(Seq(after)) => all.filter(|seq| *seq > after).take(limit).collect(),
            Start::Before(Seq(before)) => last(all.filter(|seq| *seq < before).collect(), limit),
            Start::End => last(all.collect(), limit),
        };
        prop_assert_eq!(seqs(&found), wanted);
    });
}

fn last(mut numbers: Vec<i64>, limit: usize) -> Vec<i64> {
    numbers.split_off(numbers.len().saturating_sub(limit))
}

pub async fn only_members_read_a_range(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let direct = node.say(tom, Recipient::User(jerry), "hi").await.conversation;
    let range = MessageRange { thread: None, from: Start::End, limit: 9 };
    let read = |reader, conversation| node.store.read_range(reader, conversation, range);
    assert_eq!(read(jerry, direct).await.unwrap().len(), 1);
    assert_eq!(read(jerry, group.conversation).await.unwrap(), []);
    for conversation in [direct, group.conversation, ConversationId(99)] {
        assert_eq!(code(read(spike, conversation).await), "conversation_not_found");
    }
}
