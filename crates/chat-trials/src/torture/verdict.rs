//! What is wrong: what the clients were told against what the log holds, and against what other clients were told. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chat_client::v2::{Room, State};
use chat_protocol::message::Message;

use super::ledger::{Ledger, Place};

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Violation {
    /// Something that was acknowledged is not there, or not as it was told.
    Lost,
    /// Something that was asked for once is there twice, or was told to be in two places.
    Doubled,
    /// A `seq` is missing in the log, or a client saw a later one first.
    Gap,
    /// The log is not in its own order.
    Disorder,
    /// Something is there that nobody sent.
    Phantom,
    /// A client that was told everything has something else than the log.
    Different,
    /// Something that was asked for was not answered, however long that took.
    Unanswered,
    /// Something that was right was refused.
    Refused,
    /// A client could not resume.
    Resync,
    /// Something took longer than was promised.
    Late,
    /// A client was sent away without need.
    Dropped,
    /// A client that takes nothing was not cut off.
    Held,
    /// Something was done for somebody whose access had ended.
    Revoked,
}

impl Violation {
    pub(super) const ALL: [(Self, &'static str); 13] = [
        (Self::Lost, "lost"),
        (Self::Doubled, "doubled"),
        (Self::Gap, "gaps"),
        (Self::Disorder, "disorder"),
        (Self::Phantom, "phantom"),
        (Self::Different, "different"),
        (Self::Unanswered, "unanswered"),
        (Self::Refused, "refused"),
        (Self::Resync, "resyncs"),
        (Self::Late, "late"),
        (Self::Dropped, "dropped"),
        (Self::Held, "held"),
        (Self::Revoked, "revoked"),
    ];
}

/// Most sentences that are kept.
const EXAMPLES: usize = 20;

/// What was found.
#[derive(Debug, Default, Clone)]
pub(super) struct Findings {
    counts: BTreeMap<Violation, u64>,
    /// Some of it in words.
    pub(super) examples: Vec<String>,
}

impl Findings {
    pub(super) fn note(&mut self, violation: Violation, what: impl FnOnce() -> String) {
        *self.counts.entry(violation).or_default() += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{violation:?}: {}", what()));
        }
    }

    pub(super) fn count(&self, violation: Violation) -> u64 {
        self.counts.get(&violation).copied().unwrap_or(0)
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.counts.is_empty()
    }

    /// Takes back all of a kind.
    pub(super) fn forgive(&mut self, violation: Violation) {
        self.counts.remove(&violation);
    }

    pub(super) fn add(&mut self, other: Self) {
        for (violation, count) in other.counts {
            *self.counts.entry(violation).or_default() += count;
        }
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }
}

/// What the log holds of a conversation.
#[derive(Debug, Default, Clone)]
pub(super) struct Kept {
    /// Only what comes after this `seq` is in here.
    pub(super) base: i64,
    /// As the log has them, in its order.
    pub(super) messages: Vec<Message>,
    /// The members' `delivered_seq` and `read_seq`.
    pub(super) pointers: BTreeMap<i64, (i64, i64)>,
    /// The same, when `base` was the last message.
    pub(super) pointers_before: BTreeMap<i64, (i64, i64)>,
}

impl Kept {
    pub(super) fn last_seq(&self) -> i64 {
        self.messages.last().map_or(self.base, |last| last.seq)
    }
}

/// What the log holds, by conversation.
pub(super) type Log = BTreeMap<i64, Kept>;

/// Judges what the log holds by what the clients were told.
pub(super) fn judge(ledger: &Ledger, log: &Log) -> Findings {
    let mut findings = Findings::default();
    for (conversation, kept) in log {
        judge_order(*conversation, kept, &mut findings);
    }
    judge_sends(ledger, log, &mut findings);
    judge_changes(ledger, log, &mut findings);
    for _ in 0..ledger.unanswered {
        findings.note(Violation::Unanswered, || "a request has no answer".into());
    }
    for refusal in &ledger.refusals {
        findings.note(Violation::Refused, || refusal.clone());
    }
    findings
}

/// Each message is the next one, and was numbered after those before it.
fn judge_order(conversation: i64, kept: &Kept, findings: &mut Findings) {
    let (mut seq, mut id) = (kept.base, 0);
    for message in &kept.messages {
        if message.seq <= seq {
            let at = message.seq;
            findings.note(Violation::Disorder, || format!("conversation {conversation}: {at} after {seq}"));
        } else if message.seq > seq + 1 {
            let next = message.seq;
            findings.note(Violation::Gap, || format!("conversation {conversation}: {next} after {seq}"));
        }
        if message.id <= id {
            let at = message.id;
            findings.note(Violation::Disorder, || {
                format!("conversation {conversation}: message {at} after {id}")
            });
        }
        (seq, id) = (message.seq, message.id);
    }
}

/// Each message that was acknowledged is there, once and where it was said to be; and no other.
fn judge_sends(ledger: &Ledger, log: &Log, findings: &mut Findings) {
    let mut stored: HashMap<&str, Vec<&Message>> = HashMap::new();
    for message in log.values().flat_map(|kept| &kept.messages) {
        stored.entry(message.client_msg_id.as_deref().unwrap_or_default()).or_default().push(message);
    }
    for (key, sent) in &ledger.sends {
        let messages = stored.remove(key.as_str()).unwrap_or_default();
        if messages.len() > 1 {
            findings.note(Violation::Doubled, || format!("{key} is there {} times", messages.len()));
        }
        let Some(place) = sent.told.first() else {
            findings.note(Violation::Unanswered, || format!("{key} was never acknowledged"));
            continue;
        };
        if let Some(other) = sent.told.iter().find(|told| *told != place) {
            findings.note(Violation::Doubled, || format!("{key} was reported at {place:?} and {other:?}"));
        }
        match messages.iter().find(|message| place_of(message) == *place) {
            None => findings.note(Violation::Lost, || format!("{key} is not at {place:?}")),
            Some(message) if message.rev < sent.rev => {
                findings.note(Violation::Lost, || format!("{key} went back from rev {}", sent.rev));
            }
            Some(message) => {
                let content = ledger.edits.get(&place.id).unwrap_or(&sent.content);
                if message.content != *content && !ledger.unsure.contains(&place.id) {
                    findings.note(Violation::Lost, || format!("{key} says {:?}", message.content));
                }
            }
        }
    }
    for (key, messages) in stored {
        findings.note(Violation::Phantom, || format!("{} messages under the key {key:?}", messages.len()));
    }
}

fn place_of(message: &Message) -> Place {
    Place { id: message.id, conversation: message.conversation_id, seq: message.seq }
}

/// Reactions and pointers are as they were acknowledged.
fn judge_changes(ledger: &Ledger, log: &Log, findings: &mut Findings) {
    let mut expected: BTreeMap<i64, BTreeMap<&str, BTreeSet<i64>>> = BTreeMap::new();
    for (message, emoji, user) in &ledger.reactions {
        expected.entry(*message).or_default().entry(emoji).or_default().insert(*user);
    }
    for message in log.values().flat_map(|kept| &kept.messages) {
        let mut of_message = expected.remove(&message.id).unwrap_or_default();
        if ledger.unsure.contains(&message.id) {
            continue;
        }
        for reaction in &message.reactions {
            let users = of_message.remove(reaction.emoji.as_str()).map_or(0, |users| users.len());
            let count = usize::try_from(reaction.count).unwrap_or(usize::MAX);
            let what = || format!("message {} has {count} {}, not {users}", message.id, reaction.emoji);
            if count < users {
                findings.note(Violation::Lost, what);
            } else if count > users {
                findings.note(Violation::Phantom, what);
            }
        }
        for emoji in of_message.keys() {
            findings.note(Violation::Lost, || format!("message {} has no {emoji}", message.id));
        }
    }
    for message in expected.keys() {
        findings.note(Violation::Lost, || format!("message {message} with its reactions"));
    }
    for ((conversation, user), seq) in &ledger.reads {
        let pointers = log.get(conversation).and_then(|kept| kept.pointers.get(user));
        if pointers.is_none_or(|(_, read)| read < seq) {
            findings.note(Violation::Lost, || {
                format!("user {user} has read conversation {conversation} to {seq}, not to {pointers:?}")
            });
        }
    }
}

/// What a client that was told everything since the base has otherwise than the log; it is told of what its user is a
/// member of.
pub(super) fn compare(user: i64, state: &State, log: &Log) -> Findings {
    let mut findings = Findings::default();
    let nothing = Room::default();
    for (conversation, kept) in log.iter().filter(|(_, kept)| kept.pointers.contains_key(&user)) {
        let room = state.rooms().get(conversation).unwrap_or(&nothing);
        compare_messages(user, kept, room, &mut findings);
        compare_pointers(user, (*conversation, kept), room, &mut findings);
    }
    findings
}

/// One finding says enough: whatever comes after a message that is missing differs as well.
fn compare_messages(user: i64, kept: &Kept, room: &Room, findings: &mut Findings) {
    let mut known = room.messages().range(kept.base + 1..).map(|(_, message)| essence(message));
    let mut stored = kept.messages.iter().map(essence);
    loop {
        match (known.next(), stored.next()) {
            (None, None) => return,
            (known, stored) if known == stored => {}
            (known, stored) => {
                let what = || format!("user {user} has {known:?} in place of {stored:?}");
                return findings.note(Violation::Different, what);
            }
        }
    }
}

fn compare_pointers(user: i64, (conversation, kept): (i64, &Kept), room: &Room, findings: &mut Findings) {
    for (member, pointers) in &kept.pointers {
        let known = room.pointers().get(member);
        let before = kept.pointers_before.get(member).copied().unwrap_or_default();
        if known.copied().unwrap_or(before) != *pointers {
            findings.note(Violation::Different, || {
                format!("user {user} has {known:?} for user {member} in conversation {conversation}, not {pointers:?}")
            });
        }
    }
}

/// A message without what depends on who looks, and on when.
fn essence(message: &Message) -> Message {
    let mut essence = Message { status: "".into(), quote: None, ..message.clone() };
    essence.reactions.iter_mut().for_each(|reaction| reaction.me = false);
    essence
}

/// In which order a client sees messages for the first time.
#[derive(Debug, Default)]
pub(super) struct Sight(BTreeMap<i64, i64>);

impl Sight {
    /// A client was told of a message; the violation, if it has not been told of the one before.
    pub(super) fn note(&mut self, conversation: i64, seq: i64, findings: &mut Findings) {
        let last = self.0.entry(conversation).or_default();
        if seq > *last + 1 {
            let before = *last;
            findings.note(Violation::Gap, || {
                format!("a client saw {seq} after {before} in conversation {conversation}")
            });
        }
        *last = seq.max(*last);
    }

    /// A client has loaded a conversation up to there.
    pub(super) fn loaded(&mut self, conversation: i64, seq: i64) {
        self.0.insert(conversation, seq);
    }
}

#[cfg(test)]
mod tests;
