//! How far a log had come when somebody was told of it last. It stands in the file of the lock beside the database, and so
//! neither in the database nor in its write-ahead log: a database that turns out to be behind it has lost what was
//! acknowledged, and must not give out those positions again under the same epoch.
//!
//! It is written after each commit and synced by none: whatever kills the process leaves it as it is, and after a power cut
//! it may be behind, and never ahead.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use chat_core::ids::Position;

use crate::overwritten::Raw;

/// What stands in the place of the machine's run when the file was found to be overwritten.
const OVERWRITTEN: &str = "overwritten";
/// Most bytes of the file that count.
const LENGTH: u64 = 256;

/// What stands in the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The number by which the name of the database is known.
    pub(crate) number: Option<String>,
    /// The epoch of the log, and the last position that somebody was told of.
    pub(crate) told: Option<(i64, Position)>,
    /// The epoch and the position that the database's own file held, without its write-ahead log, when it was last looked at.
    /// Only if the machine has not been started since: a checkpoint need not be synced.
    pub(crate) raw: Option<(i64, Position)>,
    /// The file was found to be overwritten while it was served.
    pub(crate) is_overwritten: bool,
}

impl Record {
    /// Reads the file from where it stands.
    pub(crate) fn read(file: &File) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        file.take(LENGTH).read_to_end(&mut bytes)?;
        Ok(Self::parse(&bytes))
    }

    /// What a power cut left half is none.
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
        let (told, raw) = (next(), next());
        let is_of_this_boot = boot().is_some_and(|boot| text.trim_end().ends_with(&boot));
        let is_overwritten = text.trim_end().ends_with(OVERWRITTEN);
        Self { number, told, raw: raw.filter(|_| is_of_this_boot), is_overwritten }
    }
}

/// Where it is written down.
pub(crate) struct Told {
    /// None where nothing is known of files; and the number of the database's name.
    file: Option<(Arc<File>, String)>,
    mark: Option<String>,
    epoch: i64,
    last: Mutex<(Position, Option<Raw>)>,
    is_overwritten: AtomicBool,
}

impl Told {
    /// What is told from now on, of the log of this epoch.
    pub(crate) fn of(file: Arc<File>, number: String, (epoch, mark): (i64, String)) -> Self {
        Self {
            file: Some((file, number)),
            mark: Some(mark),
            epoch,
            last: Mutex::default(),
            is_overwritten: false.into(),
        }
    }

    /// For a database that is served by nobody, and where nothing is known of files.
    pub(crate) fn nobody() -> Self {
        Self { file: None, mark: None, epoch: 0, last: Mutex::default(), is_overwritten: false.into() }
    }

    /// The last position that somebody was told of.
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

    /// To be called before anybody is told of this position. Where it cannot be written down, it is done without.
    pub(crate) fn note(&self, position: Position) {
        self.change(|last| last.0 = position);
    }

    /// To be called when the database's own file was looked at.
    pub(crate) fn note_raw(&self, raw: Option<&Raw>) {
        if self.last.lock().unwrap_or_else(PoisonError::into_inner).1.as_ref() != raw {
            self.change(|last| last.1 = raw.cloned());
        }
    }

    /// To be called when the file turned out to hold something else. It stays written down until a backup is restored.
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

    /// Makes what is written down outlast a power cut.
    pub(crate) fn sync(&self) {
        if let Some((file, _)) = &self.file {
            let _ = file.sync_all();
        }
    }
}

/// Always as long, so that nothing of the one before is left. The positions are there twice, since half of one is none.
fn text(number: &str, told: (i64, Position), raw: Option<(i64, Position)>, run: &str) -> String {
    let both = |(epoch, position): (i64, Position)| format!("{epoch:>10} {0:>20} {0:>20}", position.0);
    format!("{number} {} {:52} {run:36}\n", both(told), raw.map(both).unwrap_or_default())
}

/// By which one run of this machine is known from others.
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
    fn it_is_read_as_it_was_written_and_never_half() {
        const EPOCH: i64 = 4_294_967_295;
        let run = boot().unwrap();
        let text =
            |position, raw| text("0f", (EPOCH, Position(position)), Some((EPOCH, Position(raw))), &run);
        let (before, after) = (text(1299, 999), text(1300, 1010));
        let known = |position, raw| Record {
            number: Some("0f".into()),
            told: Some((EPOCH, Position(position))),
            raw: Some((EPOCH, Position(raw))),
            is_overwritten: false,
        };
        let read = |text: &str| Record::parse(text.as_bytes());
        assert_eq!((read(&before), read(&after)), (known(1299, 999), known(1300, 1010)));
        for cut in 0..=before.len() {
            for rest in [&before.as_bytes()[cut..], b""] {
                let Record { told, raw, .. } = Record::parse(&[&after.as_bytes()[..cut], rest].concat());
                assert!(
                    told.is_none_or(|(_, position)| [1299, 1300].contains(&position.0)),
                    "{cut}: {told:?}"
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
        // Of the release before.
        assert_eq!(read("0f\0\0"), Record { number: Some("0f".into()), ..Record::default() });
    }
}
