//! Counts of what a migration did, for the log: nothing may be changed or dropped silently.

/// Counts of rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) users: u64,
    pub(super) groups: u64,
    pub(super) members: u64,
    pub(super) messages: u64,
    /// Users whose name or address another user has.
    pub(super) renamed: u64,
    /// Accounts created for users that rows mention but that do not exist.
    pub(super) placeholders: u64,
    /// Times that could not be parsed.
    pub(super) unreadable_times: u64,
    /// Users, groups and messages without a usable and unique id.
    pub(super) without_id: u64,
    /// Memberships whose user or group does not exist.
    pub(super) memberships_of_nobody: u64,
    /// Messages without a usable id of their sender or recipient.
    pub(super) messages_of_nobody: u64,
    /// Messages to oneself, which no conversation can hold.
    pub(super) messages_to_oneself: u64,
}

impl Tally {
    pub(super) fn log(&self) {
        let Self { users, groups, members, messages, .. } = *self;
        tracing::info!(users, groups, members, messages, "the earlier server's data was migrated");
        let warn = |rows: u64, what: &str| {
            if rows > 0 {
                tracing::warn!(rows, "{what}");
            }
        };
        warn(self.renamed, "users had a name or address of another user and got their id appended to it");
        warn(
            self.placeholders,
            "users were mentioned but not there; each got a disabled account deleted-user-<id>",
        );
        warn(self.unreadable_times, "times could not be read; the time of the row before was taken");
        warn(self.without_id, "rows have no usable id and are left to the backup");
        warn(
            self.memberships_of_nobody,
            "memberships name no known user or group and are left to the backup",
        );
        warn(self.messages_of_nobody, "messages name no sender or recipient and are left to the backup");
        warn(self.messages_to_oneself, "messages of users to themselves are left to the backup");
    }
}
