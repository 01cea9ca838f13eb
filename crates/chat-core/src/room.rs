//! Remembers whether storage was short of space a moment ago. A readiness check writes something small, which may still
//! fit where a message does not, so the results of recent writes count too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Obstacle, Result};

/// How long after a write was refused for lack of space others are expected to be refused too, although a smaller one
/// would succeed; a success ends it.
const REFUSED: Duration = Duration::from_secs(1);

/// Remembers when the last write was refused for lack of space.
#[derive(Debug, Default)]
pub struct Room {
    is_short: AtomicBool,
    refused: Mutex<Option<Instant>>,
}

impl Room {
    /// Records the result of a write. `now` is called only for a refusal.
    pub fn note<T>(&self, written: &Result<T>, now: impl FnOnce() -> Instant) {
        match written {
            Err(Error::Obstructed(Obstacle::Full)) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(now());
                self.is_short.store(true, Ordering::Release);
            }
            // Almost always the case, so it takes no lock.
            Ok(_) if self.is_short.load(Ordering::Relaxed) => self.is_short.store(false, Ordering::Release),
            _ => {}
        }
    }

    /// Refuses if the last write was refused a moment ago.
    ///
    /// # Errors
    /// [`Obstacle::Full`] if so.
    pub fn check(&self, now: Instant) -> Result<()> {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |at| now.saturating_duration_since(at) < REFUSED;
        if self.is_short.load(Ordering::Acquire) && refused.is_some_and(is_recent) {
            return Err(Error::Obstructed(Obstacle::Full));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Result<()> = Err(Error::Obstructed(Obstacle::Full));

    #[test]
    fn a_refusal_is_followed_by_refusals_for_a_moment() {
        let (room, start) = (Room::default(), Instant::now());
        assert!(room.check(start).is_ok(), "nobody was refused yet");
        room.note(&FULL, || start);
        assert!(matches!(room.check(start), Err(Error::Obstructed(Obstacle::Full))));
        assert!(room.check(start + REFUSED - Duration::from_millis(1)).is_err());
        assert!(room.check(start + REFUSED).is_ok(), "it may be tried again");
    }

    #[test]
    fn a_write_that_succeeds_shows_that_there_is_room() {
        let (room, start) = (Room::default(), Instant::now());
        room.note(&FULL, || start);
        room.note(&Ok(()), || unreachable!("the time of a success is of no interest"));
        assert!(room.check(start).is_ok());
        room.note(&FULL, || start);
        assert!(room.check(start).is_err(), "and is short again");
    }

    #[test]
    fn other_failures_say_nothing_about_room() {
        let (room, start) = (Room::default(), Instant::now());
        room.note(&Err::<(), _>(Error::Overloaded), || start);
        assert!(room.check(start).is_ok());
        room.note(&FULL, || start);
        room.note(&Err::<(), _>(Error::Obstructed(Obstacle::ReadOnly)), || start);
        assert!(room.check(start).is_err(), "none was stored since");
    }
}
