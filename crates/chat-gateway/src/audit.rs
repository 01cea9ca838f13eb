//! Audit lines for the operator: who logged in, who failed to, and who changed the access of others. One line each, in
//! the log target `audit`. The number of lines is limited; a summary line counts those left out. Lines contain no
//! secret: a name is logged only if an account has it, since people type passwords into the wrong field.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use chat_core::ids::{GroupId, UserId};

use crate::client_address::ClientAddress;
use crate::http::around;
use crate::limits::buckets::{Buckets, Taken};
use crate::limits::{Cells, Policy, Rate, Refused};

/// Placeholder for a name that no account has.
pub(crate) const UNKNOWN: &str = "unknown";
/// Limit of lines about one address.
const OF_AN_ADDRESS: Rate = Rate::per_second(1, 100);
/// Limit of lines about one action on one account, used once the address has used up its lines. So nobody can keep
/// actions on another's account out of the log by flooding it with actions on their own.
const OF_AN_ACCOUNT: Rate = Rate::per_minute(6, 5);
/// Limit of lines in total.
const IN_ALL: Rate = Rate::per_second(20, 500);
/// Limit of lines about one flood.
const OF_A_FLOOD: Rate = Rate::per_minute(6, 1);

/// The action that a line reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    LoggedIn,
    LoginFailed,
    Registered,
    LoggedOut,
    LoggedOutEverywhere,
    PasswordChanged,
    PasswordRefused,
    RoleChanged,
    MemberRemoved,
}

impl Action {
    /// Event name for programs, and sentence for people.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::LoggedIn => ("login", "logged in"),
            Self::LoginFailed => ("login_failed", "login failed"),
            Self::Registered => ("registered", "registered"),
            Self::LoggedOut => ("logout", "logged out"),
            Self::LoggedOutEverywhere => ("logout_everywhere", "logged out everywhere"),
            Self::PasswordChanged => ("password_changed", "password changed"),
            Self::PasswordRefused => ("password_refused", "password not changed: the present one was wrong"),
            Self::RoleChanged => ("role_changed", "role changed"),
            Self::MemberRemoved => ("member_removed", "member removed"),
        }
    }
}

/// The actor, as far as known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct By<'a> {
    pub(crate) user: Option<UserId>,
    /// Name of an account, or [`UNKNOWN`].
    pub(crate) account: Option<&'a str>,
    pub(crate) address: Option<ClientAddress>,
    /// Id of the stream, if the action came over one.
    pub(crate) session: Option<&'a str>,
}

/// The target of the action, if it has one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct To<'a> {
    pub(crate) group: Option<GroupId>,
    pub(crate) member: Option<UserId>,
    pub(crate) role: Option<&'a str>,
}

/// Writes the audit lines.
pub(crate) struct Audit {
    started: Instant,
    hashes: RandomState,
    sources: Buckets,
    accounts: Buckets,
    all: Buckets,
    floods: Buckets,
    left_out: AtomicU64,
}

impl Audit {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            hashes: RandomState::new(),
            sources: Buckets::new(),
            accounts: Buckets::new(),
            all: Buckets::new(),
            floods: Buckets::new(),
            left_out: AtomicU64::new(0),
        }
    }

    /// Logs an action.
    pub(crate) fn note(&self, action: Action, by: By<'_>, to: To<'_>) {
        let (event, sentence) = action.words();
        if !self.may_log(event, by) {
            return;
        }
        let By { user, account, address, session } = by;
        let request_id = around::request_id();
        tracing::info!(
            target: "audit",
            account,
            address = address.map(|address| tracing::field::display(address.ip())),
            event,
            group.id = to.group.map(|group| group.0),
            member.id = to.member.map(|member| member.0),
            request_id,
            role = to.role,
            session,
            user.id = user.map(|user| user.0),
            "{sentence}"
        );
    }

    /// Logs a refusal by a rate limit.
    pub(crate) fn flood(&self, refused: &Refused, by: By<'_>) {
        if !self.takes(&self.floods, refused.key() ^ refused.policy as u64, OF_A_FLOOD) {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let event = if is_about_passwords(refused.policy) { "logins_refused" } else { "flood_refused" };
        if !self.may_log(event, by) {
            return;
        }
        let By { user, account, address, session } = by;
        let request_id = around::request_id();
        tracing::info!(
            target: "audit",
            account,
            address = address.map(|address| tracing::field::display(address.ip())),
            event,
            policy = refused.policy.name(),
            request_id,
            session,
            user.id = user.map(|user| user.0),
            "too many, refused"
        );
    }

    /// Logs how many lines were left out since the last call, if any.
    pub(crate) fn log_left_out(&self) {
        let left_out = self.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            tracing::info!(target: "audit", event = "left_out", lines = left_out, "lines were left out");
        }
    }

    fn may_log(&self, event: &str, by: By<'_>) -> bool {
        let source = self.hashes.hash_one(by.address.map(|address| address.key()));
        let account = self.hashes.hash_one((event, by.user, by.account));
        let has_room = self.takes(&self.sources, source, OF_AN_ADDRESS)
            || self.takes(&self.accounts, account, OF_AN_ACCOUNT);
        let is_logged = has_room && self.takes(&self.all, 0, IN_ALL);
        if !is_logged {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
        is_logged
    }

    fn takes(&self, buckets: &Buckets, key: u64, rate: Rate) -> bool {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let cells: Cells = rate.cells();
        matches!(buckets.take(key, cells, now), Taken::Yes { .. })
    }
}

fn is_about_passwords(policy: Policy) -> bool {
    matches!(policy, Policy::Login | Policy::LoginAddress | Policy::LoginAccount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_on_ones_own_account_does_not_crowd_out_lines_about_others() {
        let audit = Audit::new();
        let by = |user| By { user: Some(UserId(user)), ..By::default() };
        let own = std::iter::repeat_with(|| audit.may_log("login", by(1)))
            .take_while(|is_logged| *is_logged)
            .count();
        assert!((105..=110).contains(&own), "{own}");
        assert_eq!(audit.left_out.load(Ordering::Relaxed), 1);
        for event in ["login_failed", "login", "password_changed"] {
            assert!(audit.may_log(event, by(2)), "{event}");
        }
        assert!(!audit.may_log("login", by(1)));
    }
}
