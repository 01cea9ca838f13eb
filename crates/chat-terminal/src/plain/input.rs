//! Lines from standard input. They are read on a thread of their own, because such a reading cannot be cancelled; it
//! goes no further ahead than the channel is long.

use std::io::{BufRead, stdin};

use tokio::sync::mpsc::{Receiver, channel};

/// Lines that may have been read and not been taken yet.
const AHEAD: usize = 16;

/// What is typed or piped in, without line ends; the channel closes where the input does.
pub(super) fn lines() -> Receiver<String> {
    let (sender, receiver) = channel(AHEAD);
    std::thread::spawn(move || {
        let mut input = stdin().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            match input.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            if sender.blocking_send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}
