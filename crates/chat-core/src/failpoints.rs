//! Ways for a test to break the server on purpose: to end it in the middle of a write, or to take away what one of its
//! promises rests on. Without the feature `failpoints`, which no release is built with, nothing in here does anything.

/// The server comes to this point; it ends here, without taking leave of anybody, if a test has told it to.
#[inline]
pub fn pass(point: &str) {
    #[cfg(feature = "failpoints")]
    armed::pass(point);
    #[cfg(not(feature = "failpoints"))]
    let _ = point;
}

/// Whether a test wants the server to be broken in this way.
#[inline]
#[must_use]
pub fn is_broken(way: &str) -> bool {
    #[cfg(feature = "failpoints")]
    return armed::is_broken(way);
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = way;
        false
    }
}

/// The number that a test has given to something, such as the seconds that a clock is ahead; 0 where it has given none.
#[inline]
#[must_use]
pub fn number(name: &str) -> u32 {
    #[cfg(feature = "failpoints")]
    return armed::number(name);
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = name;
        0
    }
}

#[cfg(feature = "failpoints")]
pub use armed::arm;

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static WISHES: OnceLock<Vec<Wish>> = OnceLock::new();

    struct Wish {
        name: String,
        /// Passes left before the one that ends the process; none for a way of being broken.
        left: Option<AtomicU64>,
    }

    /// Takes a test's wishes, separated by commas: `point=7` ends the process at the seventh pass of the point, a bare
    /// name breaks the server in that way. Later calls change nothing.
    pub fn arm(wishes: &str) {
        let wish = |text: &str| match text.split_once('=') {
            Some((point, pass)) => {
                let left = pass.parse().unwrap_or(1);
                Wish { name: point.to_owned(), left: Some(AtomicU64::new(left)) }
            }
            None => Wish { name: text.to_owned(), left: None },
        };
        let _ = WISHES.set(wishes.split(',').map(wish).collect());
    }

    fn wishes() -> impl Iterator<Item = &'static Wish> {
        WISHES.get().into_iter().flatten()
    }

    pub(super) fn pass(point: &str) {
        for wish in wishes().filter(|wish| wish.name == point) {
            // Only the pass that takes the last one away; the others find less or wrap around.
            if wish.left.as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::Relaxed) == 1) {
                std::process::abort();
            }
        }
    }

    pub(super) fn number(name: &str) -> u32 {
        let given = wishes().find(|wish| wish.name == name).and_then(|wish| wish.left.as_ref());
        given.and_then(|given| u32::try_from(given.load(Ordering::Relaxed)).ok()).unwrap_or(0)
    }

    pub(super) fn is_broken(way: &str) -> bool {
        wishes().any(|wish| wish.left.is_none() && wish.name == way)
    }
}
