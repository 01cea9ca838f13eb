//! The v1 stream: connecting, events, client frames, and slow clients; and the framing that both streams share.

mod client_frames;
mod closing;
mod compressed;
mod delivery;
mod entrance;
mod framing;
mod letter;
mod replay;
mod slow;
mod wrong;
