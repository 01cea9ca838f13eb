//! Finds stored names that could not be registered now, for an operator to review. Only an operator can decide what
//! happens to them.

use std::collections::HashMap;

use super::{is_mistakable, looks, username};

/// Findings among the names of a database.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Number of names that were checked.
    pub n_names: usize,
    /// Names that break a rule: id of the account, the name, and the rule.
    pub unfit: Vec<(i64, String, String)>,
    /// Pairs of names that could be mistaken for each other: the earlier account's, then the later one's.
    pub alike: Vec<[(i64, String); 2]>,
}

/// Checks all names; they must come in the order of their ids.
pub fn report(names: Vec<(i64, String)>) -> Report {
    let mut found = Report { n_names: names.len(), ..Report::default() };
    let mut by_look: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, (id, name)) in names.iter().enumerate() {
        match username(name) {
            Ok(kept) if kept == *name => {}
            Ok(_) => found.unfit.push((*id, name.clone(), "username is not in its normal form".into())),
            Err(reason) => found.unfit.push((*id, name.clone(), reason.to_string())),
        }
        let mut earlier: Vec<usize> = Vec::new();
        for look in looks(name) {
            let like_it = by_look.entry(look).or_default();
            earlier.extend(like_it.iter());
            like_it.push(at);
        }
        earlier.sort_unstable();
        earlier.dedup();
        let alike =
            earlier.into_iter().map(|other| &names[other]).filter(|(_, other)| is_mistakable(other, name));
        found.alike.extend(alike.map(|other| [other.clone(), (*id, name.clone())]));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_not_be_registered_now_are_reported() {
        let names = ["tom", "alice", "Аlice", "bob\u{200b}", "bob", "mike", "rnike", "all", "ｊerry", "a@b"];
        let names = names.iter().zip(1..).map(|(name, id)| (id, (*name).to_owned())).collect();
        let report = report(names);
        assert_eq!(report.n_names, 10);
        let unfit: Vec<_> = report.unfit.iter().map(|(id, ..)| *id).collect();
        assert_eq!(unfit, [4, 8, 9, 10]);
        let alike: Vec<_> = report.alike.iter().map(|[one, other]| (one.0, other.0)).collect();
        assert_eq!(alike, [(2, 3), (4, 5)]);
    }
}
