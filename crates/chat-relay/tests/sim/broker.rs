//! The bus's host: passes messages on to subscribers, and in some seeds loses a part of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use turmoil::net::TcpListener;

use crate::net::{Frames, Out, frames};
use crate::trace::Rng;

pub(crate) const HOST: &str = "bus";
pub(crate) const PORT: u16 = 4222;
/// Messages that may wait for one node.
const CAPACITY: usize = 64;
/// Nothing is lost after this time.
const LOSSY_FOR: Duration = Duration::from_secs(4);

/// What a node asks of the bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Subscribe,
    Unsubscribe,
    Publish,
}

/// Encodes a command: a letter, the length of the subject, the subject, and the payload if there is one.
pub(crate) fn encoded(command: Command, subject: &str, payload: &[u8]) -> Vec<u8> {
    let letter = match command {
        Command::Subscribe => b'+',
        Command::Unsubscribe => b'-',
        Command::Publish => b'!',
    };
    let length = u8::try_from(subject.len()).unwrap();
    [&[letter, length], subject.as_bytes(), payload].concat()
}

fn read(frame: &[u8]) -> (Command, &str, &[u8]) {
    let command = match frame[0] {
        b'+' => Command::Subscribe,
        b'-' => Command::Unsubscribe,
        _ => Command::Publish,
    };
    let (subject, payload) = frame[2..].split_at(usize::from(frame[1]));
    (command, std::str::from_utf8(subject).unwrap(), payload)
}

#[derive(Default)]
struct Subscribers {
    next: u64,
    all: BTreeMap<u64, (Out, BTreeSet<String>)>,
}

/// Runs the bus, which loses `loses` percent of the messages.
pub(crate) async fn run(rng: Rng, loses: u64) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let subscribers = Rc::new(RefCell::new(Subscribers::default()));
    let rng = Rc::new(RefCell::new(rng));
    loop {
        let (stream, _) = listener.accept().await?;
        let (out, frames) = frames(stream, CAPACITY);
        let id = {
            let mut subscribers = subscribers.borrow_mut();
            subscribers.next += 1;
            let id = subscribers.next;
            subscribers.all.insert(id, (out, BTreeSet::new()));
            id
        };
        let (subscribers, rng) = (subscribers.clone(), rng.clone());
        tokio::task::spawn_local(async move {
            let is_lossy = || turmoil::sim_elapsed().is_some_and(|elapsed| elapsed < LOSSY_FOR);
            let is_lost = || is_lossy() && rng.borrow_mut().percent(loses);
            serve(id, frames, &subscribers, is_lost).await;
            subscribers.borrow_mut().all.remove(&id);
        });
    }
}

async fn serve(
    id: u64,
    mut frames: Frames,
    subscribers: &RefCell<Subscribers>,
    mut is_lost: impl FnMut() -> bool,
) {
    while let Some(frame) = frames.next().await {
        let (command, subject, payload) = read(&frame);
        let mut subscribers = subscribers.borrow_mut();
        if command == Command::Publish {
            for (other, (out, subjects)) in &subscribers.all {
                if *other != id && subjects.contains(subject) && !is_lost() {
                    // A subscriber that is too slow misses the message.
                    let _ = out.try_send(payload.to_vec());
                }
            }
            continue;
        }
        let Some((_, subjects)) = subscribers.all.get_mut(&id) else { return };
        if command == Command::Subscribe {
            subjects.insert(subject.to_owned());
        } else {
            subjects.remove(subject);
        }
    }
}
