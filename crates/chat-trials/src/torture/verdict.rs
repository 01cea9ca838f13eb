//! Finds violations: compares the clients' records with the log and with each other. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chat_client::v2::{Room, State};
use chat_protocol::message::Message;

use super::record::{ClientRecord, Place};

/// A broken promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Violation {
    /// An acknowledged change is missing or different.
    Lost,
    /// A message that was sent once is stored twice, or was reported at two places.
    Doubled,
    /// A `seq` is missing in the log, or a client saw a later one first.
    Gap,
    /// The log is not in order.
    Disorder,
    /// The log contains something that no client sent.
    Phantom,
    /// A client's state differs from the log.
    Different,
    /// A request was never answered.
    Unanswered,
    /// A valid request was refused.
    Refused,
    /// A client had to reload without need, or did not have to although data was lost.
    Resync,
    /// Something took longer than promised.
    Late,
    /// A client was disconnected without need.
    Dropped,
    /// A client that reads nothing was not disconnected.
    Held,
    /// A request was executed, or accepted, after its access had ended.
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

/// Upper bound for the examples that are kept.
const EXAMPLES: usize = 20;

/// The violations that were found.
#[derive(Debug, Default, Clone)]
pub(super) struct Findings {
    counts: BTreeMap<Violation, u64>,
    /// Descriptions of the first ones.
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

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Removes all violations of a kind.
    pub(super) fn remove(&mut self, violation: Violation) {
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

/// A conversation in the log.
#[derive(Debug, Default, Clone)]
pub(super) struct StoredConversation {
    /// `messages` contains only messages after this `seq`.
    pub(super) base: i64,
    /// The messages in log order.
    pub(super) messages: Vec<Message>,
    /// `delivered_seq` and `read_seq` of each member.
    pub(super) pointers: BTreeMap<i64, (i64, i64)>,
    /// The pointers when `base` was the last message.
    pub(super) pointers_before: BTreeMap<i64, (i64, i64)>,
}

impl StoredConversation {
    pub(super) fn last_seq(&self) -> i64 {
        self.messages.last().map_or(self.base, |last| last.seq)
    }
}

/// The log's contents, by conversation.
pub(super) type Log = BTreeMap<i64, StoredConversation>;

/// Checks the log against the clients' records.
pub(super) fn judge(record: &ClientRecord, log: &Log) -> Findings {
    let mut findings = Findings::default();
    for (conversation, kept) in log {
        judge_order(*conversation, kept, &mut findings);
    }
    judge_sends(record, log, &mut findings);
    judge_changes(record, log, &mut findings);
    for _ in 0..record.unanswered {
        findings.note(Violation::Unanswered, || "a request has no answer".into());
    }
    for refusal in &record.refusals {
        findings.note(Violation::Refused, || refusal.clone());
    }
    findings
}

/// Checks that `seq` has no gaps and that ids increase with it.
fn judge_order(conversation: i64, kept: &StoredConversation, findings: &mut Findings) {
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

/// Checks that every acknowledged message is stored once, at the reported place, and that there are no others.
fn judge_sends(record: &ClientRecord, log: &Log, findings: &mut Findings) {
    let mut stored: HashMap<&str, Vec<&Message>> = HashMap::new();
    for message in log.values().flat_map(|kept| &kept.messages) {
        stored.entry(message.client_msg_id.as_deref().unwrap_or_default()).or_default().push(message);
    }
    for (key, sent) in &record.sends {
        let messages = stored.remove(key.as_str()).unwrap_or_default();
        if messages.len() > 1 {
            findings.note(Violation::Doubled, || format!("{key} is there {} times", messages.len()));
        }
        let Some(place) = sent.reported.first() else {
            findings.note(Violation::Unanswered, || format!("{key} was never acknowledged"));
            continue;
        };
        if let Some(other) = sent.reported.iter().find(|other| *other != place) {
            findings.note(Violation::Doubled, || format!("{key} was reported at {place:?} and {other:?}"));
        }
        match messages.iter().find(|message| place_of(message) == *place) {
            None => findings.note(Violation::Lost, || format!("{key} is not at {place:?}")),
            Some(message) if message.rev < sent.rev => {
                findings.note(Violation::Lost, || format!("{key} went back from rev {}", sent.rev));
            }
            Some(message) => {
                let content = record.edits.get(&place.id).unwrap_or(&sent.content);
                if message.content != *content && !record.unsure.contains(&place.id) {
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

/// Checks that reactions and pointers are as acknowledged.
fn judge_changes(record: &ClientRecord, log: &Log, findings: &mut Findings) {
    let mut expected: BTreeMap<i64, BTreeMap<&str, BTreeSet<i64>>> = BTreeMap::new();
    for (message, emoji, user) in &record.reactions {
        expected.entry(*message).or_default().entry(emoji).or_default().insert(*user);
    }
    for message in log.values().flat_map(|kept| &kept.messages) {
        let mut of_message = expected.remove(&message.id).unwrap_or_default();
        if record.unsure.contains(&message.id) {
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
    for ((conversation, user), seq) in &record.reads {
        let pointers = log.get(conversation).and_then(|kept| kept.pointers.get(user));
        if pointers.is_none_or(|(_, read)| read < seq) {
            findings.note(Violation::Lost, || {
                format!("user {user} has read conversation {conversation} to {seq}, not to {pointers:?}")
            });
        }
    }
}

/// Compares the state of a client, which received everything since the base, with the log, for the conversations that
/// its user is a member of.
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

/// Stops at the first difference: everything after a missing message differs, too.
fn compare_messages(user: i64, kept: &StoredConversation, room: &Room, findings: &mut Findings) {
    let mut known = room.messages().range(kept.base + 1..).map(|(_, message)| comparable(message));
    let mut stored = kept.messages.iter().map(comparable);
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

fn compare_pointers(
    user: i64,
    (conversation, kept): (i64, &StoredConversation),
    room: &Room,
    findings: &mut Findings,
) {
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

/// A message without the fields that depend on the viewer or the time.
fn comparable(message: &Message) -> Message {
    let mut comparable = Message { status: "".into(), quote: None, client_msg_id: None, ..message.clone() };
    comparable.reactions.iter_mut().for_each(|reaction| reaction.me = false);
    comparable
}

/// Checks the order in which a client first receives messages: the highest `seq` by conversation.
#[derive(Debug, Default)]
pub(super) struct SeenOrder(BTreeMap<i64, i64>);

impl SeenOrder {
    /// Records a received message. Notes a violation if the client has not received the one before.
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

    /// Records that a client has loaded a conversation up to this `seq`.
    pub(super) fn loaded(&mut self, conversation: i64, seq: i64) {
        self.0.insert(conversation, seq);
    }
}

#[cfg(test)]
mod tests;
