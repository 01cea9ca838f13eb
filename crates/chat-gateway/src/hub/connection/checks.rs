//! Periodic checks of a connection: whether its token is valid, its client reads and is alive.

use std::sync::atomic::Ordering;

use chat_protocol::close_codes;

use super::{Connection, State, Taken};

impl Connection {
    /// Checks token expiry, pace and liveness. The shard calls it periodically.
    pub(crate) fn tick(&self) {
        let now = self.now();
        // Of ten thousand connections, nearly all are idle: this spares their lock.
        if now < self.check_at.load(Ordering::Relaxed) {
            return;
        }
        if self.bearer.expires_at <= now {
            self.close(close_codes::TOKEN_EXPIRED, "token expired: log in again");
            return;
        }
        let mut state = self.state();
        if self.is_closing() {
            // The session ends the connection, within its own time limits.
            return;
        }
        if !state.outbox.is_empty() {
            let taken = Taken { by_socket: state.outbox.written(), by_client: state.ping.answered };
            if state.pace.is_below(self.context.slowest, taken, now) {
                drop(state);
                self.close(close_codes::TOO_SLOW, "too slow: reconnect and resume");
                return;
            }
        }
        self.check_liveness(&mut state, now);
        let wake = !state.blocked && {
            self.write(&mut state);
            state.blocked
        };
        state.outbox.free_unused();
        self.check_at.store(self.next_check(&state), Ordering::Relaxed);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Pings a silent client, and ends the connection if it shows no sign of life. Any data from the client is a sign
    /// of life. So is progress of a full socket: the client may still be reading what lies before the ping. Progress
    /// behind a socket that looks free is invisible; the time for its answer allows for it.
    fn check_liveness(&self, state: &mut State, now: u64) {
        let active_at = self.active_at.load(Ordering::Relaxed);
        let Some(sent_at) = state.ping.sent_at else {
            let silent = now.saturating_sub(active_at.max(state.ping.took_at));
            if silent > self.heartbeat_ms() {
                self.ping(state, now);
            } else {
                self.ping_if_due(state);
            }
            return;
        };
        let last_sign = sent_at.max(active_at).max(state.ping.took_at);
        let timeout_ms = state.ping.timeout_ms(self.context.slowest, state.outbox.next_mark());
        // A client that answers the pings between frames has not reached this one yet.
        let asked_at = sent_at.max(state.ping.passed_at);
        if now.saturating_sub(last_sign) > timeout_ms {
            self.end();
        } else if last_sign > sent_at && now.saturating_sub(asked_at) > timeout_ms && state.outbox.is_empty()
        {
            // The client is alive but answers no pings. The next ping asks again for the same confirmations.
            state.ping.sent_at = None;
            state.outbox.ask_again();
        }
    }

    /// Lets the next tick check this connection, because something is about to be queued. The caller holds the lock of
    /// the state.
    pub(super) fn check_soon(&self) {
        self.check_at.store(0, Ordering::Relaxed);
    }

    /// Returns when there is something to check if nothing is queued until then: at the next tick while the client has
    /// to read or to answer, otherwise when its token expires or it was silent for a heartbeat.
    fn next_check(&self, state: &State) -> u64 {
        if !state.outbox.is_empty() || state.outbox.has_unconfirmed() || state.ping.sent_at.is_some() {
            return 0;
        }
        let active_at = self.active_at.load(Ordering::Relaxed).max(state.ping.took_at);
        self.bearer.expires_at.min(active_at.saturating_add(self.heartbeat_ms()))
    }
}
