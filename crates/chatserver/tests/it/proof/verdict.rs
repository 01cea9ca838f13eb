//! What a server has kept, compared with what its clients were told.

use std::collections::HashMap;

use serde_json::Value;

use super::ledger::{Cast, Entry, Target};
use crate::support::{Server, User};

/// What is wrong with what the server has kept, and how much it has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Not there, or not where its sender was told.
    pub lost: usize,
    pub doubled: usize,
    pub gaps: usize,
    pub disorder: usize,
    /// There, though nobody sent it.
    pub phantoms: usize,
    pub stored: usize,
}

impl Verdict {
    /// What the verdict on this ledger has to be.
    pub fn clean(ledger: &[Entry]) -> Self {
        Self { stored: ledger.len(), ..Self::default() }
    }

    /// Compares all conversations with the ledger, every entry of which was answered in the end.
    pub async fn on(server: &Server, cast: &Cast, ledger: &[Entry]) -> Self {
        let mut stored: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
        let mut verdict = Self::default();
        for (sender, target) in [(0, 0), (2, 0), (0, 1), (2, 1)] {
            let user = User::with_token(server, cast.users[sender].id, &cast.users[sender].token);
            let path = match cast.targets[sender][target] {
                Target::User(id) => format!("/v1/messages/history/{id}"),
                Target::Group(id) => format!("/v1/groups/{id}/messages"),
            };
            let messages = user.all_messages(&path).await;
            let place = |message: &Value| (message["id"].as_i64().unwrap(), message["seq"].as_i64().unwrap());
            let places: Vec<_> = messages.iter().map(place).collect();
            verdict.gaps += (1..).zip(&places).filter(|(expected, (_, seq))| expected != seq).count();
            verdict.disorder += places.windows(2).filter(|pair| pair[0].0 >= pair[1].0).count();
            for message in &messages {
                let key = message["content"].as_str().unwrap().to_owned();
                stored.entry(key).or_default().push(place(message));
            }
            verdict.stored += messages.len();
        }
        for entry in ledger {
            let places = stored.remove(&entry.key).unwrap_or_default();
            verdict.doubled += places.len().saturating_sub(1);
            let (id, seq) = entry.told.expect("every entry was answered in the end");
            let is_there = places.iter().any(|place| place.0 == id && seq.is_none_or(|seq| seq == place.1));
            verdict.lost += usize::from(!is_there);
        }
        verdict.phantoms = stored.len();
        verdict
    }
}
