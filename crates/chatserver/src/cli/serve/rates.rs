//! Rate limits as settings: one for each policy, and a factor for all of them.

use chat_gateway::{Policy, RateLimits, RateSetting};

/// Rate limits in the form `100/s:300` (on average, and at once after a pause) or `off`.
#[derive(clap::Args, Clone)]
#[command(
    next_help_heading = "Limits (100/s:300 is 100 per second on average and 300 at once; also /min, /h, /d; or off)"
)]
pub(super) struct Rates {
    /// Messages per user
    #[arg(long, env = "LIMIT_SEND", default_value = "100/s:300")]
    limit_send: RateSetting,
    /// Messages per conversation
    #[arg(long, env = "LIMIT_SEND_CONVERSATION", default_value = "2000/s:4000")]
    limit_send_conversation: RateSetting,
    /// Typing signals per user
    #[arg(long, env = "LIMIT_TYPING", default_value = "20/s:100")]
    limit_typing: RateSetting,
    /// Searches per user
    #[arg(long, env = "LIMIT_SEARCH", default_value = "50/s:100")]
    limit_search: RateSetting,
    /// User lookups per user
    #[arg(long, env = "LIMIT_USER_LOOKUP", default_value = "30/s:300")]
    limit_user_lookup: RateSetting,
    /// Groups created and members added per user
    #[arg(long, env = "LIMIT_GROUPS", default_value = "20/s:1000")]
    limit_groups: RateSetting,
    /// All other requests and frames per user
    #[arg(long, env = "LIMIT_DEFAULT", default_value = "500/s:2000")]
    limit_default: RateSetting,
    /// Streams opened and tickets created per user
    #[arg(long, env = "LIMIT_STREAMS", default_value = "20/s:200")]
    limit_streams: RateSetting,
    /// Streams requested per client address
    #[arg(long, env = "LIMIT_STREAMS_ADDRESS", default_value = "1000/s:10000")]
    limit_streams_address: RateSetting,
    /// Registrations per client address
    #[arg(long, env = "LIMIT_REGISTER", default_value = "100/h:50")]
    limit_register: RateSetting,
    /// Wrong passwords per account and address
    #[arg(long, env = "LIMIT_LOGIN", default_value = "10/min:10")]
    limit_login: RateSetting,
    /// Wrong passwords per client address
    #[arg(long, env = "LIMIT_LOGIN_ADDRESS", default_value = "60/min:60")]
    limit_login_address: RateSetting,
    /// Wrong passwords per account, except from known devices
    #[arg(long, env = "LIMIT_LOGIN_ACCOUNT", default_value = "100/h:100")]
    limit_login_account: RateSetting,
    /// Factor by which all of these are multiplied, for measurements and tests
    #[arg(long, env = "LIMIT_FACTOR", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit_factor: u32,
}

impl Rates {
    pub(super) fn limits(&self) -> RateLimits {
        let mut limits = RateLimits::default();
        for policy in Policy::ALL {
            limits.set(policy, self.of(policy).0);
        }
        limits.times(self.limit_factor)
    }

    fn of(&self, policy: Policy) -> RateSetting {
        match policy {
            Policy::Send => self.limit_send,
            Policy::SendConversation => self.limit_send_conversation,
            Policy::Typing => self.limit_typing,
            Policy::Search => self.limit_search,
            Policy::UserLookup => self.limit_user_lookup,
            Policy::Groups => self.limit_groups,
            Policy::Default => self.limit_default,
            Policy::Streams => self.limit_streams,
            Policy::StreamsAddress => self.limit_streams_address,
            Policy::Register => self.limit_register,
            Policy::Login => self.limit_login,
            Policy::LoginAddress => self.limit_login_address,
            Policy::LoginAccount => self.limit_login_account,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args, Command, FromArgMatches};

    use super::*;

    fn parsed(args: &[&str]) -> Rates {
        let command = Rates::augment_args(Command::new("test")).no_binary_name(true);
        Rates::from_arg_matches(&command.try_get_matches_from(args).unwrap()).unwrap()
    }

    #[test]
    fn the_settings_say_what_the_limits_are() {
        assert_eq!(parsed(&[]).limits(), RateLimits::default());
        for policy in Policy::ALL {
            let flag = format!("--limit-{}", policy.name());
            let mut expected = RateLimits::default();
            expected.set(policy, None);
            assert_eq!(parsed(&[&flag, "off"]).limits(), expected, "{flag}");
        }
        assert_eq!(parsed(&["--limit-factor", "7"]).limits(), RateLimits::default().times(7));
    }

    #[test]
    fn the_documents_name_every_setting_with_its_default() {
        for document in
            [include_str!("../../../../../.env.example"), include_str!("../../../../../docs/operations.md")]
        {
            for policy in Policy::ALL {
                let name = format!("LIMIT_{}", policy.name().replace('-', "_").to_uppercase());
                let rate = policy.default_rate();
                let said = [format!("#{name}={rate}\n"), format!("| `{name}` | `{rate}` |")];
                assert!(said.iter().any(|said| document.contains(said.as_str())), "{name} {rate}");
            }
            assert!(document.contains("LIMIT_FACTOR"));
        }
    }
}
