//! Records in the lock file how far a log was announced: the highest position that a client may know. It is outside
//! the database and its write-ahead log (WAL), so that it survives when they are replaced. A database that turns out
//! to be behind it has lost acknowledged changes, and must not give out their positions again under the same epoch.
//!
//! It is written after each commit and not synced. It survives when the process is killed. After a power cut it may be
//! behind, but never ahead.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use chat_core::ids::Position;

use crate::overwritten::Raw;

/// Stored instead of the boot id when the file was found to be overwritten.
const OVERWRITTEN: &str = "overwritten";
/// Largest number of bytes that are read.
const LENGTH: u64 = 256;

/// Contents of the lock file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Number that identifies this name of the database.
    pub(crate) number: Option<String>,
    /// Epoch of the log, and the last position that was announced.
    pub(crate) announced: Option<(i64, Position)>,
    /// Epoch and position in the database's own file, without its WAL, at the last check. Valid only if the machine
    /// has not been restarted since, because a checkpoint may not be synced.
    pub(crate) raw: Option<(i64, Position)>,
    /// The file was found to be overwritten while it was served.
    pub(crate) is_overwritten: bool,
}

impl Record {
    /// Reads the record from the file's present offset.
    pub(crate) fn read(file: &File) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        file.take(LENGTH).read_to_end(&mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    /// A record that a power cut left incomplete is ignored.
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.split(|c: char| c.is_whitespace() || c == '\0').filter(|word| !word.is_empty());
        let number = words.next().map(str::to_owned);
        let mut numbers = words.map(|word| word.parse::<i64>().ok());
        let mut next = || match [numbers.next(), numbers.next(), numbers.next()].map(Option::flatten) {
            [Some(epoch), Some(position), Some(again)] if position == again => {
                Some((epoch, Position(position)))
            }
            _ => None,
        };
        let (announced, raw) = (next(), next());
        let is_of_this_boot = boot().is_some_and(|boot| text.trim_end().ends_with(&boot));
        let is_overwritten = text.trim_end().ends_with(OVERWRITTEN);
        Self { number, announced, raw: raw.filter(|_| is_of_this_boot), is_overwritten }
    }
}

/// Writes the record.
pub(crate) struct Announced {
    /// The lock file and the number of the database's name; `None` if files cannot be identified on this system.
    file: Option<(Arc<File>, String)>,
    mark: Option<String>,
    epoch: i64,
    last: Mutex<(Position, Option<Raw>)>,
    is_overwritten: AtomicBool,
}

impl Announced {
    /// For the log of this epoch in a file with this mark.
    pub(crate) fn of(file: Arc<File>, number: String, (epoch, mark): (i64, String)) -> Self {
        Self {
            file: Some((file, number)),
            mark: Some(mark),
            epoch,
            last: Mutex::default(),
            is_overwritten: false.into(),
        }
    }

    /// Records nothing: for tests, and for systems on which files cannot be identified.
    pub(crate) fn unrecorded() -> Self {
        Self { file: None, mark: None, epoch: 0, last: Mutex::default(), is_overwritten: false.into() }
    }

    /// The last position that was announced.
    pub(crate) fn position(&self) -> Position {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// The epoch of the log.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// The mark of the file that is served.
    pub(crate) fn mark(&self) -> Option<&str> {
        self.mark.as_deref()
    }

    /// Must be called before this position is announced. An error of writing is ignored.
    pub(crate) fn note(&self, position: Position) {
        self.change(|last| last.0 = position);
    }

    /// Must be called after the database's own file was checked.
    pub(crate) fn note_raw(&self, raw: Option<&Raw>) {
        if self.last.lock().unwrap_or_else(PoisonError::into_inner).1.as_ref() != raw {
            self.change(|last| last.1 = raw.cloned());
        }
    }

    /// Must be called when the file was found to be overwritten. The record says so until a backup is restored.
    pub(crate) fn note_overwritten(&self) {
        self.is_overwritten.store(true, Ordering::Release);
        self.change(|_| {});
        self.sync();
    }

    fn change(&self, change: impl FnOnce(&mut (Position, Option<Raw>))) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut last);
        if let Some((file, number)) = &self.file {
            let raw = last.1.as_ref().map(|raw| (raw.epoch, raw.position));
            let run = match self.is_overwritten.load(Ordering::Acquire) {
                true => OVERWRITTEN.into(),
                false => boot().unwrap_or_default(),
            };
            let _ = write_at_start(file, text(number, (self.epoch, last.0), raw, &run).as_bytes());
        }
    }

    /// Makes the record survive a power cut.
    pub(crate) fn sync(&self) {
        if let Some((file, _)) = &self.file {
            let _ = file.sync_all();
        }
    }
}

/// All records have the same length, so that nothing of a former one is left. Positions are written twice, so that a
/// record that is half written is detected.
fn text(number: &str, announced: (i64, Position), raw: Option<(i64, Position)>, run: &str) -> String {
    let both = |(epoch, position): (i64, Position)| format!("{epoch:>10} {0:>20} {0:>20}", position.0);
    format!("{number} {} {:52} {run:36}\n", both(announced), raw.map(both).unwrap_or_default())
}

/// Identifies the present boot of the machine.
fn boot() -> Option<String> {
    static BOOT: LazyLock<Option<String>> = LazyLock::new(|| {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(boot.trim().to_owned()).filter(|boot| !boot.is_empty())
    });
    BOOT.clone()
}

#[cfg(unix)]
fn write_at_start(file: &File, bytes: &[u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn write_at_start(_: &File, _: &[u8]) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_written_or_not_at_all() {
        const EPOCH: i64 = 4_294_967_295;
        let run = boot().unwrap();
        let text =
            |position, raw| text("0f", (EPOCH, Position(position)), Some((EPOCH, Position(raw))), &run);
        let (before, after) = (text(1299, 999), text(1300, 1010));
        let known = |position, raw| Record {
            number: Some("0f".into()),
            announced: Some((EPOCH, Position(position))),
            raw: Some((EPOCH, Position(raw))),
            is_overwritten: false,
        };
        let read = |text: &str| Record::parse(text.as_bytes());
        assert_eq!((read(&before), read(&after)), (known(1299, 999), known(1300, 1010)));
        for cut in 0..=before.len() {
            for rest in [&before.as_bytes()[cut..], b""] {
                let Record { announced, raw, .. } = Record::parse(&[&after.as_bytes()[..cut], rest].concat());
                assert!(
                    announced.is_none_or(|(_, position)| [1299, 1300].contains(&position.0)),
                    "{cut}: {announced:?}"
                );
                assert!(raw.is_none_or(|(_, position)| [999, 1010].contains(&position.0)), "{cut}: {raw:?}");
            }
        }
        let without = super::text("0f", (EPOCH, Position(5)), None, &run);
        assert_eq!(without.len(), before.len());
        assert_eq!(read(&without), Record { raw: None, ..known(5, 0) });
        let of_another_boot = after.replace(&boot().unwrap(), "00000000-0000-0000-0000-000000000000");
        assert_eq!(read(&of_another_boot), Record { raw: None, ..known(1300, 0) });
        let overwritten = super::text("0f", (EPOCH, Position(5)), None, OVERWRITTEN);
        assert_eq!(overwritten.len(), before.len());
        assert_eq!(read(&overwritten), Record { raw: None, is_overwritten: true, ..known(5, 0) });
        assert_eq!(read(""), Record::default());
        // Written by the previous release.
        assert_eq!(read("0f\0\0"), Record { number: Some("0f".into()), ..Record::default() });
    }
}
