//! The v1 stream: the way in, what comes, what may be said, and who is too slow.

mod closing;
mod delivery;
mod entrance;
mod framing;
mod letter;
mod replay;
mod saying;
mod slow;
mod wrong;
