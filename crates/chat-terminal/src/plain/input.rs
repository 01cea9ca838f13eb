//! Reads lines from standard input on a separate thread, because such a read cannot be cancelled. The capacity of the
//! channel bounds how far it reads ahead.

use std::io::{BufRead, stdin};

use tokio::sync::mpsc::{Receiver, channel};

/// Most lines that are read ahead.
const AHEAD: usize = 16;

/// The lines of the input, without line ends. The channel closes at the end of the input.
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
