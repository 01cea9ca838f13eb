//! The policies by name, with their default rates.

use super::rate::Rate;

/// What is limited, and by which key. Clients and operators see the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Messages, by the user who sends them.
    Send,
    /// Messages, by the conversation that they go to.
    SendConversation,
    /// Typing signals, by user.
    Typing,
    /// Searches, by user.
    Search,
    /// Looking for other users, by user.
    UserLookup,
    /// Making groups and adding members, by user.
    Groups,
    /// Everything else that a user may ask for, by user.
    Default,
    /// Opening streams and asking for tickets, by user.
    Streams,
    /// Asking for a stream, by address.
    StreamsAddress,
    /// Registering, by address.
    Register,
    /// Wrong passwords, by account and address; for a known device by device.
    Login,
    /// Wrong passwords, by address.
    LoginAddress,
    /// Wrong passwords, by account.
    LoginAccount,
}

impl Policy {
    /// All policies, in the order of their discriminants.
    pub const ALL: [Self; 13] = [
        Self::Send,
        Self::SendConversation,
        Self::Typing,
        Self::Search,
        Self::UserLookup,
        Self::Groups,
        Self::Default,
        Self::Streams,
        Self::StreamsAddress,
        Self::Register,
        Self::Login,
        Self::LoginAddress,
        Self::LoginAccount,
    ];

    /// Name in settings, headers and errors.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::SendConversation => "send-conversation",
            Self::Typing => "typing",
            Self::Search => "search",
            Self::UserLookup => "user-lookup",
            Self::Groups => "groups",
            Self::Default => "default",
            Self::Streams => "streams",
            Self::StreamsAddress => "streams-address",
            Self::Register => "register",
            Self::Login => "login",
            Self::LoginAddress => "login-address",
            Self::LoginAccount => "login-account",
        }
    }

    /// Rate unless the operator sets another.
    pub const fn default_rate(self) -> Rate {
        match self {
            Self::Send => Rate::per_second(100, 300),
            Self::SendConversation => Rate::per_second(2000, 4000),
            Self::Typing => Rate::per_second(20, 100),
            Self::Search => Rate::per_second(50, 100),
            Self::UserLookup => Rate::per_second(30, 300),
            Self::Groups => Rate::per_second(20, 1000),
            Self::Default => Rate::per_second(500, 2000),
            Self::Streams => Rate::per_second(20, 200),
            Self::StreamsAddress => Rate::per_second(1000, 10_000),
            Self::Register => Rate::per_hour(100, 50),
            Self::Login => Rate::per_minute(10, 10),
            Self::LoginAddress => Rate::per_minute(60, 60),
            Self::LoginAccount => Rate::per_hour(100, 100),
        }
    }

    /// Error sentence of a refusal.
    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Send => "You send too many messages; wait a moment",
            Self::SendConversation => "Too many messages are sent to this conversation; wait a moment",
            Self::Typing => "You send too many typing signals; wait a moment",
            Self::Search => "You search too often; wait a moment",
            Self::UserLookup => "You look up users too often; wait a moment",
            Self::Groups => "You create groups or add members too fast; wait a moment",
            Self::Default => "You send too many requests; wait a moment",
            Self::Streams | Self::StreamsAddress => "You open too many streams; wait a moment",
            Self::Register => "Too many accounts were registered from your address; try again later",
            Self::Login | Self::LoginAddress | Self::LoginAccount => {
                "Too many wrong passwords were tried; try again later"
            }
        }
    }
}

/// The rates of all policies. `None`: not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits([Option<Rate>; Policy::ALL.len()]);

impl Default for RateLimits {
    fn default() -> Self {
        Self(Policy::ALL.map(|policy| Some(policy.default_rate())))
    }
}

impl RateLimits {
    /// Sets the rate of one policy.
    pub fn set(&mut self, policy: Policy, rate: Option<Rate>) {
        if let Some(slot) = self.0.get_mut(policy as usize) {
            *slot = rate;
        }
    }

    /// The same limits with all rates and bursts multiplied by `factor`.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self(self.0.map(|rate| rate.map(|rate| rate.times(factor))))
    }

    pub(super) fn get(&self, policy: Policy) -> Option<Rate> {
        self.0.get(policy as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_has_an_index_and_a_name_of_its_own() {
        for (number, policy) in Policy::ALL.into_iter().enumerate() {
            assert_eq!(policy as usize, number);
            assert_eq!(Policy::ALL.iter().filter(|other| other.name() == policy.name()).count(), 1);
        }
        let mut limits = RateLimits::default();
        limits.set(Policy::Search, None);
        assert_eq!(limits.get(Policy::Search), None);
        assert_eq!(limits.times(3).get(Policy::Send), Some(Rate::per_second(300, 900)));
    }
}
