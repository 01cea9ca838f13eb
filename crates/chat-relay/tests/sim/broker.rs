//! The bus's host: passes on what is published to those who listen, and in some seeds loses a part of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use turmoil::net::TcpListener;

use crate::net::{Frames, Out, frames};
use crate::trace::Chance;

pub(crate) const HOST: &str = "bus";
pub(crate) const PORT: u16 = 4222;
/// Messages that may wait for one node.
const CAPACITY: usize = 64;
/// From then on nothing is lost.
const LOSSY_FOR: Duration = Duration::from_secs(4);

/// What nodes tell the bus of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Listen,
    Ignore,
    Publish,
}

/// An order as it is written: a letter, the length of the subject, the subject, and the payload if there is one.
pub(crate) fn written(order: Order, subject: &str, payload: &[u8]) -> Vec<u8> {
    let letter = match order {
        Order::Listen => b'+',
        Order::Ignore => b'-',
        Order::Publish => b'!',
    };
    let length = u8::try_from(subject.len()).unwrap();
    [&[letter, length], subject.as_bytes(), payload].concat()
}

fn read(frame: &[u8]) -> (Order, &str, &[u8]) {
    let order = match frame[0] {
        b'+' => Order::Listen,
        b'-' => Order::Ignore,
        _ => Order::Publish,
    };
    let (subject, payload) = frame[2..].split_at(usize::from(frame[1]));
    (order, std::str::from_utf8(subject).unwrap(), payload)
}

#[derive(Default)]
struct Listeners {
    next: u64,
    all: BTreeMap<u64, (Out, BTreeSet<String>)>,
}

/// Runs, losing so many of a hundred messages.
pub(crate) async fn run(chance: Chance, loses: u64) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    let listeners = Rc::new(RefCell::new(Listeners::default()));
    let chance = Rc::new(RefCell::new(chance));
    loop {
        let (stream, _) = listener.accept().await?;
        let (out, frames) = frames(stream, CAPACITY);
        let id = {
            let mut listeners = listeners.borrow_mut();
            listeners.next += 1;
            let id = listeners.next;
            listeners.all.insert(id, (out, BTreeSet::new()));
            id
        };
        let (listeners, chance) = (listeners.clone(), chance.clone());
        tokio::task::spawn_local(async move {
            let is_lossy = || turmoil::sim_elapsed().is_some_and(|elapsed| elapsed < LOSSY_FOR);
            let is_lost = || is_lossy() && chance.borrow_mut().percent(loses);
            serve(id, frames, &listeners, is_lost).await;
            listeners.borrow_mut().all.remove(&id);
        });
    }
}

async fn serve(
    id: u64,
    mut frames: Frames,
    listeners: &RefCell<Listeners>,
    mut is_lost: impl FnMut() -> bool,
) {
    while let Some(frame) = frames.next().await {
        let (order, subject, payload) = read(&frame);
        let mut listeners = listeners.borrow_mut();
        if order == Order::Publish {
            for (other, (out, subjects)) in &listeners.all {
                if *other != id && subjects.contains(subject) && !is_lost() {
                    // A listener that is too slow misses it.
                    let _ = out.try_send(payload.to_vec());
                }
            }
            continue;
        }
        let Some((_, subjects)) = listeners.all.get_mut(&id) else { return };
        if order == Order::Listen {
            subjects.insert(subject.to_owned());
        } else {
            subjects.remove(subject);
        }
    }
}
