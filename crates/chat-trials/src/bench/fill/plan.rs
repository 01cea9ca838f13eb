//! How much of everything a filled database holds. Pure arithmetic.

/// Numbers of messages in the groups that got no more than a greeting.
const YOUNG: u64 = 10;
/// Weight of the n-th largest group: n to the power of this, negated. So the largest of 200 has 30 % of all messages.
const SKEW: f64 = 1.3;
/// Members of the n-th largest group: a share of n to the power of this, negated.
const MEMBER_SKEW: f64 = 0.8;
/// Conversations and members that fill the first page of each list, with some to spare.
const FULL_LIST: usize = 60;
const FULL_PAGE: usize = 200;
/// Most messages in one of the conversations of the user who has very many.
pub(super) const FEW: u64 = 3;

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bench) struct Plan {
    /// All messages together.
    pub(in crate::bench) messages: u64,
    /// Users who write in the groups, with the three special ones.
    pub(in crate::bench) users: usize,
    /// Groups of very different sizes.
    pub(in crate::bench) groups: usize,
    /// Conversations of the user who has very many; half of them are groups.
    pub(in crate::bench) conversations: usize,
    /// Members of the one very large group.
    pub(in crate::bench) crowd: usize,
}

impl Plan {
    /// The plan for this number of messages. From 10 million on, it has 2,000 users, 200 groups, 10,000 conversations
    /// of one user, and 100,000 members of one group.
    pub(in crate::bench) fn of(messages: u64) -> Self {
        let part = |of: u64, least: usize, most: usize| {
            usize::try_from(messages / of).unwrap_or(usize::MAX).clamp(least, most)
        };
        let plan = Self {
            messages,
            users: part(200, 40, 2_000),
            groups: part(500, 8, 200),
            conversations: part(1_000, 20, 10_000),
            crowd: part(100, 50, 100_000),
        };
        Self { messages: messages.max(plan.least()), ..plan }
    }

    /// The plan of the server that a filled one is compared with: the same users in the same groups, a thousandth of
    /// the messages, and just enough conversations and members for the pages that are read to be full.
    pub(in crate::bench) fn small(&self) -> Self {
        let plan = Self {
            messages: 0,
            conversations: self.conversations.min(FULL_LIST),
            crowd: self.crowd.min(FULL_PAGE),
            ..self.clone()
        };
        Self { messages: (self.messages / 1_000).max(plan.least()), ..plan }
    }

    /// The fewest messages that leave none of the conversations empty.
    fn least(&self) -> u64 {
        self.elsewhere() + YOUNG * self.groups as u64
    }

    /// Messages that are not in the groups of very different sizes: in the conversations of one user, and in the very
    /// large group.
    pub(super) fn elsewhere(&self) -> u64 {
        let conversations = 0..self.conversations as u64;
        conversations.map(few).sum::<u64>() + YOUNG
    }

    /// Numbers of messages of the groups, largest first. Their sum is what is not elsewhere.
    pub(super) fn group_sizes(&self) -> Vec<u64> {
        let old = self.groups - self.groups.div_ceil(10);
        let weights: Vec<f64> = (1..=old).map(|rank| (rank as f64).powf(-SKEW)).collect();
        let whole: f64 = weights.iter().sum();
        let mut sizes = vec![YOUNG; self.groups];
        let spread = self.messages - self.elsewhere() - YOUNG * self.groups as u64;
        for (size, weight) in sizes.iter_mut().zip(weights) {
            // The product is below 2^53: nothing is lost.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count, not negative"
            )]
            let share = (spread as f64 * weight / whole) as u64;
            *size += share;
        }
        let missing = self.messages - self.elsewhere() - sizes.iter().sum::<u64>();
        if let Some(largest) = sizes.first_mut() {
            *largest += missing;
        }
        sizes
    }

    /// Number of members of a group, beside the two users who are in all groups. `rank` counts from 0, largest first.
    pub(super) fn members(&self, rank: usize) -> usize {
        let writers = self.users.saturating_sub(super::rooms::SPECIAL);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, not negative")]
        let share = (writers as f64 * ((rank + 1) as f64).powf(-MEMBER_SKEW)) as usize;
        share.clamp(3.min(writers), writers)
    }
}

/// Number of messages in the conversation `number` of the user who has very many.
pub(super) fn few(number: u64) -> u64 {
    1 + number % FEW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_million_messages_are_what_a_server_of_some_years_holds() {
        let plan = Plan::of(10_000_000);
        let wanted = (2_000, 200, 10_000, 100_000);
        assert_eq!((plan.users, plan.groups, plan.conversations, plan.crowd), wanted);
        let sizes = plan.group_sizes();
        assert!((2_500_000..3_500_000).contains(&sizes[0]), "{}", sizes[0]);
        assert_eq!(sizes.last(), Some(&10));
        assert!(sizes.is_sorted_by(|larger, smaller| larger >= smaller));
        assert_eq!(sizes.iter().sum::<u64>() + plan.elsewhere(), 10_000_000);
        let memberships: usize = (0..plan.groups).map(|rank| plan.members(rank) + 2).sum();
        assert!((15_000..40_000).contains(&memberships), "{memberships}");
    }

    #[test]
    fn every_size_has_exactly_its_messages() {
        for messages in [2_000, 3_333, 50_000, 1_000_000] {
            let plan = Plan::of(messages);
            assert_eq!(plan.group_sizes().iter().sum::<u64>() + plan.elsewhere(), messages);
            let small = plan.small();
            assert_eq!((small.users, small.groups), (plan.users, plan.groups));
            assert_eq!(small.group_sizes().iter().sum::<u64>() + small.elsewhere(), small.messages);
        }
    }

    #[test]
    fn too_few_messages_become_as_many_as_the_conversations_need() {
        let plan = Plan::of(1);
        assert_eq!(plan.messages, plan.least());
        assert_eq!(plan.group_sizes(), vec![YOUNG; plan.groups]);
    }
}
