//! The v1 stream: connecting, events, client frames, and slow clients.

mod client_frames;
mod closing;
mod delivery;
mod entrance;
mod framing;
mod letter;
mod replay;
mod slow;
mod wrong;
