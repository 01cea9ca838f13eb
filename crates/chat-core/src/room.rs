//! Whether storage was short of room a moment ago. A store that is asked if a message could be stored tries something
//! small, for which there may be room where a message is refused; so what became of the writes before it counts too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Obstacle, Result};

/// After a write was refused for want of room, for how long others may be, though there is room for what is asked here;
/// unless one succeeds.
const REFUSED: Duration = Duration::from_secs(1);

/// Remembers when the last write was refused for want of room.
#[derive(Debug, Default)]
pub struct Room {
    is_short: AtomicBool,
    refused: Mutex<Option<Instant>>,
}

impl Room {
    /// Looks at what became of a write. The time is asked for only where it was refused.
    pub fn note<T>(&self, written: &Result<T>, now: impl FnOnce() -> Instant) {
        match written {
            Err(Error::Obstructed(Obstacle::Full)) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(now());
                self.is_short.store(true, Ordering::Release);
            }
            // Nearly always, so no lock is taken for it.
            Ok(_) if self.is_short.load(Ordering::Relaxed) => self.is_short.store(false, Ordering::Release),
            _ => {}
        }
    }

    /// Refuses where the last write was refused a moment ago.
    ///
    /// # Errors
    /// [`Obstacle::Full`], if so.
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
    fn who_was_refused_is_followed_by_a_refusal_for_a_moment() {
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
