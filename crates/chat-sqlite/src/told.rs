//! How far a log had come when somebody was told of it last. It stands in the file of the lock beside the database, and so
//! neither in the database nor in its write-ahead log: a database that turns out to be behind it has lost what was
//! acknowledged, and must not give out those positions again under the same epoch.
//!
//! It is written after each commit and synced by none: whatever kills the process leaves it as it is, and after a power cut
//! it may be behind, and never ahead.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use chat_core::ids::Position;

/// Most bytes of the file that count.
const LENGTH: u64 = 128;

/// What stands in the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// The number by which the name of the database is known.
    pub(crate) number: Option<String>,
    /// The epoch of the log, and the last position that somebody was told of.
    pub(crate) told: Option<(i64, Position)>,
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
        let told = match [numbers.next(), numbers.next(), numbers.next()].map(Option::flatten) {
            [Some(epoch), Some(position), Some(again)] if position == again => {
                Some((epoch, Position(position)))
            }
            _ => None,
        };
        Self { number, told }
    }
}

/// Where it is written down.
pub(crate) struct Told {
    /// None where nothing is known of files.
    file: Option<(Arc<File>, String)>,
    epoch: i64,
}

impl Told {
    /// What is told from now on, of the log of this epoch.
    pub(crate) fn of(file: Arc<File>, number: String, epoch: i64) -> Self {
        Self { file: Some((file, number)), epoch }
    }

    /// For a database that is served by nobody, and where nothing is known of files.
    pub(crate) fn nobody() -> Self {
        Self { file: None, epoch: 0 }
    }

    /// To be called before anybody is told of this position. Where it cannot be written down, it is done without.
    pub(crate) fn note(&self, position: Position) {
        if let Some((file, number)) = &self.file {
            let _ = write_at_start(file, text(number, self.epoch, position).as_bytes());
        }
    }

    /// Makes what is written down outlast a power cut.
    pub(crate) fn sync(&self) {
        if let Some((file, _)) = &self.file {
            let _ = file.sync_all();
        }
    }
}

/// Always as long, so that nothing of the one before is left. The position is there twice, since half of it is none.
fn text(number: &str, epoch: i64, position: Position) -> String {
    format!("{number} {epoch:>10} {0:>20} {0:>20}\n", position.0)
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
        let (before, after) =
            (text("0f", 4_294_967_295, Position(1299)), text("0f", 4_294_967_295, Position(1300)));
        let read = |text: &[u8]| Record::parse(text);
        let known =
            |position| Record { number: Some("0f".into()), told: Some((4_294_967_295, Position(position))) };
        assert_eq!((read(before.as_bytes()), read(after.as_bytes())), (known(1299), known(1300)));
        for cut in 0..=before.len() {
            let torn = [&after.as_bytes()[..cut], &before.as_bytes()[cut..]].concat();
            let told = read(&torn).told;
            assert!(told.is_none_or(|(_, position)| [1299, 1300].contains(&position.0)), "{cut}: {told:?}");
            // The first that was ever written, without its end.
            let told = read(&after.as_bytes()[..cut]).told;
            assert!(told.is_none_or(|it| it.1.0 == 1300), "{cut}: {told:?}");
        }
        assert_eq!(read(b""), Record::default());
        // Of the release before.
        assert_eq!(read(b"0f\0\0"), Record { number: Some("0f".into()), told: None });
    }
}
