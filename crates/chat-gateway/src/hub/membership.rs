//! The groups of one connected user. Pure state.
//!
//! They are read from the store after the user was attached. Later changes may have arrived as events by then; those
//! are remembered with their log positions until the reading is in, and the newer of the two counts.

use chat_core::groups::Memberships;
use chat_core::ids::{ConversationId, Position};

/// A user's groups as far as the hub knows them.
#[derive(Default)]
pub(super) struct Membership {
    groups: Vec<ConversationId>,
    /// Attached connections whose reading of the groups is not in yet.
    joining: usize,
    /// Joins (`true`) and departures since the first of them was attached.
    changed_meanwhile: Vec<(Position, ConversationId, bool)>,
}

impl Membership {
    /// Expects one more reading: a connection of the user was attached.
    pub(super) fn expect_reading(&mut self) {
        self.joining += 1;
    }

    /// Takes in the groups as they were at the reading's log position. Calls `moved` for each group that the user joins
    /// (`true`) or leaves by it.
    pub(super) fn read(&mut self, reading: Memberships, mut moved: impl FnMut(ConversationId, bool)) {
        self.joining = self.joining.saturating_sub(1);
        let later = |(position, _, _): &&(Position, ConversationId, bool)| *position > reading.position;
        let later: Vec<_> = self.changed_meanwhile.iter().filter(later).copied().collect();
        if self.joining == 0 {
            self.changed_meanwhile = Vec::new();
        }
        for group in reading.conversations {
            self.set(group, true, &mut moved);
        }
        for (_, group, is_member) in later {
            self.set(group, is_member, &mut moved);
        }
    }

    /// Forgets remembered departures.
    pub(super) fn forget_departures(&mut self) {
        self.changed_meanwhile.retain(|(_, _, is_member)| *is_member);
    }

    /// Notes that the user joined or left a group at this log position.
    pub(super) fn change(
        &mut self,
        position: Position,
        (group, is_member): (ConversationId, bool),
        mut moved: impl FnMut(ConversationId, bool),
    ) {
        if self.joining > 0 {
            self.changed_meanwhile.push((position, group, is_member));
        }
        self.set(group, is_member, &mut moved);
    }

    fn set(&mut self, group: ConversationId, is_member: bool, moved: &mut impl FnMut(ConversationId, bool)) {
        let index = self.groups.iter().position(|other| *other == group);
        match (index, is_member) {
            (None, true) => self.groups.push(group),
            (Some(index), false) => {
                self.groups.swap_remove(index);
            }
            _ => return,
        }
        moved(group, is_member);
    }
}

impl IntoIterator for Membership {
    type Item = ConversationId;
    type IntoIter = std::vec::IntoIter<ConversationId>;

    fn into_iter(self) -> Self::IntoIter {
        self.groups.into_iter()
    }
}
