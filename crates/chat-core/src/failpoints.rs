//! Lets a test break the server on purpose: abort it in the middle of a write, or switch off something that one of its
//! promises relies on. Without the feature `failpoints`, which no release is built with, nothing here has any effect.

/// Marks a point in the code. If a test has armed the point, the process aborts here, without cleaning up.
#[inline]
pub fn pass(point: &str) {
    #[cfg(feature = "failpoints")]
    armed::pass(point);
    #[cfg(not(feature = "failpoints"))]
    let _ = point;
}

/// Whether a test has armed this fault.
#[inline]
#[must_use]
pub fn is_broken(fault: &str) -> bool {
    #[cfg(feature = "failpoints")]
    return armed::is_broken(fault);
    #[cfg(not(feature = "failpoints"))]
    {
        let _ = fault;
        false
    }
}

/// Returns the number that a test has given to `name`, such as the seconds that a clock is ahead; 0 if there is none.
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

    static SETTINGS: OnceLock<Vec<Setting>> = OnceLock::new();

    struct Setting {
        name: String,
        /// Passes left before the process aborts; `None` for a fault that is simply on.
        left: Option<AtomicU64>,
    }

    /// Sets the failpoints, separated by commas: `point=7` aborts the process at the seventh pass of the point, a bare
    /// name switches that fault on. Later calls have no effect.
    pub fn arm(settings: &str) {
        let setting = |text: &str| match text.split_once('=') {
            Some((point, pass)) => {
                let left = pass.parse().unwrap_or(1);
                Setting { name: point.to_owned(), left: Some(AtomicU64::new(left)) }
            }
            None => Setting { name: text.to_owned(), left: None },
        };
        let _ = SETTINGS.set(settings.split(',').map(setting).collect());
    }

    fn settings() -> impl Iterator<Item = &'static Setting> {
        SETTINGS.get().into_iter().flatten()
    }

    pub(super) fn pass(point: &str) {
        for setting in settings().filter(|setting| setting.name == point) {
            // Only the pass that takes the last one away aborts; the others find less or wrap around.
            if setting.left.as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::Relaxed) == 1) {
                std::process::abort();
            }
        }
    }

    pub(super) fn number(name: &str) -> u32 {
        let given = settings().find(|setting| setting.name == name).and_then(|setting| setting.left.as_ref());
        given.and_then(|given| u32::try_from(given.load(Ordering::Relaxed)).ok()).unwrap_or(0)
    }

    pub(super) fn is_broken(fault: &str) -> bool {
        settings().any(|setting| setting.left.is_none() && setting.name == fault)
    }
}
