//! Compares what a server has kept with what its clients received.

use std::collections::HashMap;

use serde_json::Value;

use super::ledger::{Entry, Participants, Target};
use crate::support::{Server, User};

/// Faults in what the server has kept, and the number of messages.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Missing, or not with the acknowledged id and `seq`.
    pub lost: usize,
    pub doubled: usize,
    pub gaps: usize,
    pub disorder: usize,
    /// Stored, though nobody sent it.
    pub phantoms: usize,
    pub stored: usize,
}

impl Verdict {
    /// Returns the verdict on a server that has kept this ledger.
    pub fn clean(ledger: &[Entry]) -> Self {
        Self { stored: ledger.len(), ..Self::default() }
    }

    /// Compares all conversations with the ledger, every entry of which was answered in the end.
    pub async fn on(server: &Server, participants: &Participants, ledger: &[Entry]) -> Self {
        let mut stored: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
        let mut verdict = Self::default();
        for (sender, target) in [(0, 0), (2, 0), (0, 1), (2, 1)] {
            let user =
                User::with_token(server, participants.users[sender].id, &participants.users[sender].token);
            let path = match participants.targets[sender][target] {
                Target::User(id) => format!("/v1/messages/history/{id}"),
                Target::Group(id) => format!("/v1/groups/{id}/messages"),
            };
            let messages = user.all_messages(&path).await;
            let id_and_seq =
                |message: &Value| (message["id"].as_i64().unwrap(), message["seq"].as_i64().unwrap());
            let stored_here: Vec<_> = messages.iter().map(id_and_seq).collect();
            verdict.gaps += (1..).zip(&stored_here).filter(|(expected, (_, seq))| expected != seq).count();
            verdict.disorder += stored_here.windows(2).filter(|pair| pair[0].0 >= pair[1].0).count();
            for message in &messages {
                let key = message["content"].as_str().unwrap().to_owned();
                stored.entry(key).or_default().push(id_and_seq(message));
            }
            verdict.stored += messages.len();
        }
        for entry in ledger {
            let stored_at = stored.remove(&entry.key).unwrap_or_default();
            verdict.doubled += stored_at.len().saturating_sub(1);
            let (id, seq) = entry.acked.expect("every entry was answered in the end");
            let is_there = stored_at.iter().any(|one| one.0 == id && seq.is_none_or(|seq| seq == one.1));
            verdict.lost += usize::from(!is_there);
        }
        verdict.phantoms = stored.len();
        verdict
    }
}
