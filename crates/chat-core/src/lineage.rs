//! Detects whether a database still holds the log that this server has delivered. After a failover to a standby that
//! was behind, or after a restore, it does not: some delivered changes are lost, and their log positions are given out
//! again. The log then gets a new epoch, so that cursors from before are recognized.
//!
//! Adapters collect the facts and carry out the verdict. Nothing of a log may be delivered before there is a verdict.

use std::fmt;

use crate::ids::Position;
use crate::sync::Epoch;

/// Where a log is stored, as far as the database role may know. Has a one-line text form, which stores keep beside the
/// epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Identifies the installation of the database.
    pub system: Option<String>,
    /// Identifies one of its timelines: each promotion of a standby, and each recovery to a point in time, begins a new
    /// one.
    pub timeline: Option<String>,
    /// Identifies the tables: those that a dump was loaded into differ from those that it was made of.
    pub tables: Option<String>,
}

impl Origin {
    fn parts(&self) -> [&Option<String>; 3] {
        [&self.system, &self.timeline, &self.tables]
    }

    /// Parses the text form.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split('/').map(|part| Some(part.to_owned()).filter(|part| part != "-"));
        let mut next = || parts.next().flatten();
        Self { system: next(), timeline: next(), tables: next() }
    }

    /// Whether the two cannot be the same place. An unknown part contradicts nothing: roles have different rights.
    pub fn contradicts(&self, other: &Self) -> bool {
        let differs = |(one, other): (&Option<String>, &Option<String>)| matches!((one, other), (Some(one), Some(other)) if one != other);
        self.parts().into_iter().zip(other.parts()).any(differs)
    }

    /// Whether this place has replaced the other one: a later timeline of the same installation. Names of timelines
    /// have equal length, and the later one's is the greater. An unknown part succeeds nothing.
    pub fn succeeds(&self, other: &Self) -> bool {
        let is_later = self.timeline.is_some() && other.timeline.is_some() && self.timeline > other.timeline;
        is_later && self.system.is_some() && self.system == other.system
    }

    /// Fills unknown parts with those of `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            system: self.system.or_else(|| other.system.clone()),
            timeline: self.timeline.or_else(|| other.timeline.clone()),
            tables: self.tables.or_else(|| other.tables.clone()),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [system, timeline, tables] = self.parts().map(|part| part.as_deref().unwrap_or("-"));
        write!(f, "{system}/{timeline}/{tables}")
    }
}

/// State of the last commit that this server knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastCommit {
    /// The commit is there.
    Kept,
    /// Another commit has its log position.
    Other,
    /// Unknown: the commit is too long ago, or this server knows of none.
    Unknown,
}

/// What a new session finds in the database.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Epoch of the log.
    pub epoch: Epoch,
    /// Log position of the log's end.
    pub position: Position,
    /// Where the log was stored when it got this epoch. `None` if an earlier release gave it.
    pub recorded: Option<Origin>,
    /// Where the log is stored now.
    pub origin: Origin,
    /// State of the last commit that this server knows of.
    pub landmark: LastCommit,
    /// Whether the configuration names several database servers, of which this is one.
    pub is_one_of_several: bool,
}

/// What this server has delivered. Must be collected before the facts are read: they may lack what is committed later.
#[derive(Debug, Clone)]
pub struct Known {
    /// The epoch in the cursors of clients.
    pub epoch: Epoch,
    /// The last log position that was delivered under it.
    pub position: Position,
    /// Earlier epochs that this server has left.
    pub left: Vec<Epoch>,
    /// Where the log was stored at the last check.
    pub origin: Origin,
}

/// Why a log is not the one that was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is on another server or timeline, or in other tables.
    Elsewhere,
    /// It ends before the last delivered position.
    Shorter,
    /// It lacks a delivered commit.
    Rewritten,
    /// Its epoch is one that was left before.
    Returned,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elsewhere => "it is on another server or timeline, or was loaded from a dump",
            Self::Shorter => "it ends before the last commit that this node delivered",
            Self::Rewritten => "it lacks a commit that this node delivered",
            Self::Returned => "it has an epoch that was replaced before",
        })
    }
}

/// The conclusion from the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The log is the one that was delivered.
    GoesOn,
    /// Another node or an operator has already given the log a new epoch.
    Renewed,
    /// The log needs a new epoch.
    WentBack(Why),
    /// This is the server from before a failover; nothing may be written to it.
    Abandoned,
}

impl Facts {
    /// Judges the facts for a server that has delivered a log; `known` is `None` at the start of a server.
    ///
    /// A new timeline needs a new epoch even if nothing seems to be lost: nodes that no longer exist may have delivered
    /// changes that are lost too, and only clients know of them.
    pub fn judge(&self, known: Option<&Known>) -> Verdict {
        let is_elsewhere = self.recorded.as_ref().is_some_and(|recorded| recorded.contradicts(&self.origin));
        let Some(known) = known else {
            return if is_elsewhere { Verdict::WentBack(Why::Elsewhere) } else { Verdict::GoesOn };
        };
        if is_elsewhere {
            return Verdict::WentBack(Why::Elsewhere);
        }
        // This does not depend on the epoch: a node that did not know of the failover may have given the log a new one.
        if known.origin.succeeds(&self.origin) {
            return Verdict::Abandoned;
        }
        if known.left.contains(&self.epoch) {
            return if self.may_be_abandoned(known) {
                Verdict::Abandoned
            } else {
                Verdict::WentBack(Why::Returned)
            };
        }
        if self.epoch != known.epoch {
            return Verdict::Renewed;
        }
        if self.position < known.position {
            return Verdict::WentBack(Why::Shorter);
        }
        match self.landmark {
            LastCommit::Other => Verdict::WentBack(Why::Rewritten),
            LastCommit::Kept | LastCommit::Unknown => Verdict::GoesOn,
        }
    }

    /// For a log with an epoch that was left: whether it is the log of a server from before a failover, rather than one
    /// that was restored in its place. If the role may not read the timeline, the answer depends on whether there is
    /// another server to go to.
    fn may_be_abandoned(&self, known: &Known) -> bool {
        match (&self.origin.timeline, &known.origin.timeline) {
            (Some(_), Some(_)) => self.origin.contradicts(&known.origin),
            _ => self.is_one_of_several,
        }
    }

    /// Returns the origin that has to be recorded; `None` if the recorded one is complete.
    pub fn to_record(&self) -> Option<Origin> {
        let recorded = self.recorded.clone().unwrap_or_default();
        let complete = recorded.clone().or(&self.origin);
        (complete != recorded || self.recorded.is_none()).then_some(complete)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text)
    }

    fn known() -> Known {
        let left = vec![Epoch(5)];
        Known { epoch: Epoch(7), position: Position(100), left, origin: origin("s/00000002/t") }
    }

    fn facts() -> Facts {
        Facts {
            epoch: Epoch(7),
            position: Position(100),
            recorded: Some(origin("s/00000002/t")),
            origin: origin("s/00000002/t"),
            landmark: LastCommit::Kept,
            is_one_of_several: false,
        }
    }

    fn judged(facts: &Facts) -> Verdict {
        facts.judge(Some(&known()))
    }

    #[test]
    fn origins_can_be_parsed() {
        for text in ["s/1/t", "-/1/t", "s/-/-", "-/-/-"] {
            assert_eq!(origin(text).to_string(), text);
        }
        assert_eq!(origin(""), Origin { system: Some(String::new()), ..Origin::default() });
    }

    #[test]
    fn what_is_not_known_contradicts_nothing() {
        assert!(!origin("s/-/t").contradicts(&origin("s/2/t")));
        assert!(origin("s/1/t").contradicts(&origin("s/2/t")));
        assert!(origin("s/1/t").contradicts(&origin("-/-/u")));
        assert_eq!(origin("s/-/t").or(&origin("x/2/-")), origin("s/2/t"));
    }

    #[test]
    fn a_later_history_of_the_same_installation_succeeds_and_nothing_else() {
        let before = origin("s/00000009/t");
        assert!(origin("s/0000000A/-").succeeds(&before));
        for other in ["s/00000009/-", "s/00000008/-", "r/0000000A/-", "-/0000000A/-", "s/-/-"] {
            assert!(!origin(other).succeeds(&before), "{other}");
        }
        assert!(!origin("s/0000000A/-").succeeds(&origin("s/-/t")));
        assert!(!origin("-/0000000A/-").succeeds(&origin("-/00000009/-")));
    }

    #[test]
    fn a_log_that_has_only_grown_goes_on() {
        assert_eq!(judged(&facts()), Verdict::GoesOn);
        let grown = Facts { position: Position(900), landmark: LastCommit::Unknown, ..facts() };
        assert_eq!(judged(&grown), Verdict::GoesOn);
        assert_eq!(Facts { recorded: None, ..facts() }.judge(None), Verdict::GoesOn);
    }

    #[test]
    fn another_timeline_counts_however_long_the_log_is_and_at_the_start() {
        for text in ["s/00000003/t", "r/00000002/t", "s/00000002/u"] {
            let there = Facts { origin: origin(text), position: Position(900), ..facts() };
            assert_eq!(judged(&there), Verdict::WentBack(Why::Elsewhere), "{text}");
            assert_eq!(there.judge(None), Verdict::WentBack(Why::Elsewhere), "{text}");
        }
    }

    #[test]
    fn without_the_timeline_epoch_and_positions_decide() {
        let blind = Facts { origin: origin("-/-/t"), ..facts() };
        assert_eq!(judged(&blind), Verdict::GoesOn);
        let shorter = Facts { position: Position(99), ..blind.clone() };
        assert_eq!(judged(&shorter), Verdict::WentBack(Why::Shorter));
        let grown = Facts { position: Position(900), landmark: LastCommit::Other, ..blind };
        assert_eq!(judged(&grown), Verdict::WentBack(Why::Rewritten));
    }

    #[test]
    fn an_epoch_that_another_node_has_given_is_taken_over() {
        let renewed =
            Facts { epoch: Epoch(8), position: Position(3), landmark: LastCommit::Other, ..facts() };
        assert_eq!(judged(&renewed), Verdict::Renewed);
    }

    #[test]
    fn an_epoch_that_was_left_is_never_used_again() {
        let old = Some(origin("s/00000001/t"));
        let before =
            Facts { epoch: Epoch(5), origin: origin("s/00000001/t"), recorded: old.clone(), ..facts() };
        assert_eq!(judged(&before), Verdict::Abandoned, "the server from before the failover is still there");
        let unheard_of = Facts { epoch: Epoch(6), ..before.clone() };
        assert_eq!(judged(&unheard_of), Verdict::Abandoned, "and somebody has given it another epoch");
        let loaded = Facts { origin: origin("s/00000001/u"), ..before.clone() };
        assert_eq!(judged(&loaded), Verdict::WentBack(Why::Elsewhere), "a dump of then was loaded");
        let restored = Facts { origin: origin("s/00000003/t"), ..before };
        assert_eq!(judged(&restored), Verdict::WentBack(Why::Elsewhere), "a backup of then was recovered");
    }

    #[test]
    fn a_log_that_was_restored_in_place_is_another_log() {
        let put_back = Facts { epoch: Epoch(5), position: Position(3), ..facts() };
        assert_eq!(judged(&put_back), Verdict::WentBack(Why::Returned));
    }

    #[test]
    fn without_the_timeline_a_server_goes_back_only_if_there_is_no_other() {
        for text in ["-/-/t", "s/-/t"] {
            let blind = Facts { epoch: Epoch(5), origin: origin(text), ..facts() };
            assert_eq!(judged(&blind), Verdict::WentBack(Why::Returned), "{text}");
            assert_eq!(judged(&Facts { is_one_of_several: true, ..blind }), Verdict::Abandoned, "{text}");
        }
    }

    #[test]
    fn the_origin_is_recorded_once() {
        assert_eq!(facts().to_record(), None);
        assert_eq!(Facts { recorded: None, ..facts() }.to_record(), Some(origin("s/00000002/t")));
        let partly = Facts { recorded: Some(origin("-/00000002/t")), ..facts() };
        assert_eq!(partly.to_record(), Some(origin("s/00000002/t")));
        assert_eq!(Facts { origin: origin("-/-/t"), ..facts() }.to_record(), None, "nothing is forgotten");
    }
}
