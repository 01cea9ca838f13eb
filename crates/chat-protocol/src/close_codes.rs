//! WebSocket close codes (docs/contract.md, "Close codes").

/// The server restarts; reconnect after the delay in the reason.
pub const RESTART: u16 = 1012;
/// The token expired or was revoked; log in again.
pub const TOKEN_EXPIRED: u16 = 4001;
/// The client reads too slowly; reconnect and resume.
pub const TOO_SLOW: u16 = 4008;
/// Too many connections or frames.
pub const TOO_MANY: u16 = 4029;
