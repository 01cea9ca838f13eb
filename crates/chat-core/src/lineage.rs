//! Whether a database still holds the log that this server has told of. It does not after a failover to a standby that was
//! behind, and not after a restore: some of what was told is gone, and its places in the log are given out again. So the
//! log gets a new epoch, by which every cursor from before is known for what it is.
//!
//! Adapters gather the facts and do what the verdict says; nothing may be told of a log before there is one.

use std::fmt;

use crate::ids::Position;
use crate::sync::Epoch;

/// Where a log is kept, as far as whoever asks may know. Spelt in one line, for stores to keep beside the epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Which installation of the database.
    pub system: Option<String>,
    /// Which of its histories: each promotion of a standby, and each recovery to a point in time, begins another.
    pub timeline: Option<String>,
    /// Which tables in it: those that a dump was loaded into are others than those it was made of.
    pub tables: Option<String>,
}

impl Origin {
    fn parts(&self) -> [&Option<String>; 3] {
        [&self.system, &self.timeline, &self.tables]
    }

    /// The origin that is spelt so.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split('/').map(|part| Some(part.to_owned()).filter(|part| part != "-"));
        let mut next = || parts.next().flatten();
        Self { system: next(), timeline: next(), tables: next() }
    }

    /// Whether these cannot be the same place. What one of them does not know contradicts nothing: roles have different
    /// rights.
    pub fn contradicts(&self, other: &Self) -> bool {
        let differs = |(one, other): (&Option<String>, &Option<String>)| matches!((one, other), (Some(one), Some(other)) if one != other);
        self.parts().into_iter().zip(other.parts()).any(differs)
    }

    /// Whether this is where the other one's server has been replaced: a later history of the same installation. Their names
    /// are of one length, and the later one's is the greater. What is not known succeeds nothing.
    pub fn succeeds(&self, other: &Self) -> bool {
        let is_later = self.timeline.is_some() && other.timeline.is_some() && self.timeline > other.timeline;
        is_later && self.system.is_some() && self.system == other.system
    }

    /// This, and where it knows nothing, what the other knows.
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

/// What a session finds of the last commit that this server knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landmark {
    /// It is there.
    Kept,
    /// Something else is in its place.
    Other,
    /// That cannot be told: it is too long ago, or this server knows of none.
    Unknown,
}

/// What a new session finds in the database.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The log's epoch.
    pub epoch: Epoch,
    /// The log's end.
    pub position: Position,
    /// Where the log was kept when it was given this epoch. Earlier releases did not write it down.
    pub recorded: Option<Origin>,
    /// Where it is kept now.
    pub origin: Origin,
    /// Whether the last commit that this server knows of is still there.
    pub landmark: Landmark,
    /// Whether this is one of several servers that may be meant.
    pub is_one_of_several: bool,
}

/// What this server has told of. It has to be from before the facts were read: what is committed later may be missing in
/// them.
#[derive(Debug, Clone)]
pub struct Known {
    /// The epoch that clients have in their cursors.
    pub epoch: Epoch,
    /// The last place of it that anybody was told.
    pub position: Position,
    /// Epochs that this server has left behind.
    pub left: Vec<Epoch>,
    /// Where the log was when it was looked at last.
    pub origin: Origin,
}

/// Why a log is not the one that was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is on another server, another history of it, or in other tables.
    Elsewhere,
    /// It ends before what was told.
    Shorter,
    /// What was told is not in it.
    Rewritten,
    /// It has an epoch that was left before.
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

/// What follows from the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the log that was told of.
    GoesOn,
    /// Somebody has given the log a new epoch already: another node, or a person.
    Renewed,
    /// The log needs a new epoch.
    WentBack(Why),
    /// It is the server of before a failover, to which nothing may be written any more.
    Abandoned,
}

impl Facts {
    /// What follows, for a server that has told of a log (`None`: it begins).
    ///
    /// Another history is a new epoch even if nothing seems to be lost: what was told by nodes that are gone, and is
    /// gone itself, only clients know.
    pub fn judge(&self, known: Option<&Known>) -> Verdict {
        let is_elsewhere = self.recorded.as_ref().is_some_and(|recorded| recorded.contradicts(&self.origin));
        let Some(known) = known else {
            return if is_elsewhere { Verdict::WentBack(Why::Elsewhere) } else { Verdict::GoesOn };
        };
        if is_elsewhere {
            return Verdict::WentBack(Why::Elsewhere);
        }
        // Whatever epoch it has by now: a node that knew no better may have given it one.
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
            Landmark::Other => Verdict::WentBack(Why::Rewritten),
            Landmark::Kept | Landmark::Unknown => Verdict::GoesOn,
        }
    }

    /// Of a log with an epoch that was left: whether it is that of a server from before a failover, rather than one that
    /// was put back in its place. Where nobody may ask for the timeline, there has to be another server to go to.
    fn may_be_abandoned(&self, known: &Known) -> bool {
        match (&self.origin.timeline, &known.origin.timeline) {
            (Some(_), Some(_)) => self.origin.contradicts(&known.origin),
            _ => self.is_one_of_several,
        }
    }

    /// What has to be written down of where the log is kept, if not all of it is.
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
            landmark: Landmark::Kept,
            is_one_of_several: false,
        }
    }

    fn judged(facts: &Facts) -> Verdict {
        facts.judge(Some(&known()))
    }

    #[test]
    fn origins_survive_spelling() {
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
        let grown = Facts { position: Position(900), landmark: Landmark::Unknown, ..facts() };
        assert_eq!(judged(&grown), Verdict::GoesOn);
        assert_eq!(Facts { recorded: None, ..facts() }.judge(None), Verdict::GoesOn);
    }

    #[test]
    fn another_timeline_counts_however_far_the_log_has_come_and_for_whoever_begins() {
        for place in ["s/00000003/t", "r/00000002/t", "s/00000002/u"] {
            let there = Facts { origin: origin(place), position: Position(900), ..facts() };
            assert_eq!(judged(&there), Verdict::WentBack(Why::Elsewhere), "{place}");
            assert_eq!(there.judge(None), Verdict::WentBack(Why::Elsewhere), "{place}");
        }
    }

    #[test]
    fn where_the_timeline_cannot_be_read_epoch_and_places_say_it() {
        let blind = Facts { origin: origin("-/-/t"), ..facts() };
        assert_eq!(judged(&blind), Verdict::GoesOn);
        let shorter = Facts { position: Position(99), ..blind.clone() };
        assert_eq!(judged(&shorter), Verdict::WentBack(Why::Shorter));
        let grown = Facts { position: Position(900), landmark: Landmark::Other, ..blind };
        assert_eq!(judged(&grown), Verdict::WentBack(Why::Rewritten));
    }

    #[test]
    fn an_epoch_that_somebody_else_has_given_is_taken_over() {
        let renewed = Facts { epoch: Epoch(8), position: Position(3), landmark: Landmark::Other, ..facts() };
        assert_eq!(judged(&renewed), Verdict::Renewed);
    }

    #[test]
    fn nobody_goes_back_to_what_was_left() {
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
    fn what_is_put_back_in_the_same_place_is_another_log_each_time() {
        let put_back = Facts { epoch: Epoch(5), position: Position(3), ..facts() };
        assert_eq!(judged(&put_back), Verdict::WentBack(Why::Returned));
    }

    #[test]
    fn whoever_may_not_ask_for_the_timeline_goes_back_only_if_there_is_no_other_server() {
        for place in ["-/-/t", "s/-/t"] {
            let blind = Facts { epoch: Epoch(5), origin: origin(place), ..facts() };
            assert_eq!(judged(&blind), Verdict::WentBack(Why::Returned), "{place}");
            assert_eq!(judged(&Facts { is_one_of_several: true, ..blind }), Verdict::Abandoned, "{place}");
        }
    }

    #[test]
    fn what_is_known_of_the_place_is_written_down_once() {
        assert_eq!(facts().to_record(), None);
        assert_eq!(Facts { recorded: None, ..facts() }.to_record(), Some(origin("s/00000002/t")));
        let partly = Facts { recorded: Some(origin("-/00000002/t")), ..facts() };
        assert_eq!(partly.to_record(), Some(origin("s/00000002/t")));
        assert_eq!(Facts { origin: origin("-/-/t"), ..facts() }.to_record(), None, "nothing is forgotten");
    }
}
