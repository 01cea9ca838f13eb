//! Which groups one connected user is in. Pure state.
//!
//! They are read from the store after the user was attached, and by then later changes may have come by as events;
//! those are remembered with their positions until the reading is in, and the newer of the two counts.

use chat_core::groups::Memberships;
use chat_core::ids::{ConversationId, Position};

/// A user's groups as far as the hub knows them.
#[derive(Default)]
pub(super) struct Membership {
    groups: Vec<ConversationId>,
    /// Attached connections whose reading of the groups is not in yet.
    joining: usize,
    /// What became of memberships since the first of them was attached: joined or left.
    changed_meanwhile: Vec<(Position, ConversationId, bool)>,
}

impl Membership {
    /// A connection of the user was attached: a reading will follow.
    pub(super) fn expect_reading(&mut self) {
        self.joining += 1;
    }

    /// Takes in the groups as they were at the reading's position. Calls `moved` for each that the user enters (`true`)
    /// or leaves by it.
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

    /// What is remembered of groups that the user has left counts no more.
    pub(super) fn forget_departures(&mut self) {
        self.changed_meanwhile.retain(|(_, _, is_member)| *is_member);
    }

    /// The user became a member of a group, or is one no longer, at this place in the log.
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
        let place = self.groups.iter().position(|other| *other == group);
        match (place, is_member) {
            (None, true) => self.groups.push(group),
            (Some(place), false) => {
                self.groups.swap_remove(place);
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
