//! A settable clock for one program. The program preloads libfaketime, which reads the offset from the
//! system's clock out of a file.
//! Monotonic clocks are left alone, as when an administrator sets the system's clock.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders where packages install the library. Debian uses a subfolder for the machine's architecture, others
/// do not.
const FOLDERS: [&str; 3] = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];
const LIBRARY: &str = "faketime/libfaketime.so.1";

/// A settable clock.
#[derive(Debug, Clone)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// Creates a clock in this folder that shows the right time until it is set. Fails if libfaketime is not
    /// installed.
    pub fn kept_in(folder: &Path) -> Result<Self> {
        let clock = Self { library: library(&FOLDERS)?, file: folder.join("clock") };
        clock.set(0)?;
        Ok(clock)
    }

    /// Checks that libfaketime is installed. Fails if it is not.
    pub fn is_to_be_had() -> Result<()> {
        library(&FOLDERS).map(drop)
    }

    /// Returns the environment variables that make a program use this clock.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            // Without this, libfaketime reads the file every ten seconds only.
            ("FAKETIME_NO_CACHE", "1".into()),
            // Releases of libfaketime write the name in two ways.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            // The timestamps of files stay as they are.
            ("NO_FAKE_STAT", "1".into()),
        ]
    }

    /// Sets the clock this number of seconds ahead of the system's; a negative number sets it behind.
    pub fn set(&self, ahead_s: i64) -> Result<()> {
        // Rename the file into place: half a number would be another number.
        let partial = self.file.with_extension("partial");
        std::fs::write(&partial, format!("{ahead_s:+}\n"))
            .and_then(|()| std::fs::rename(&partial, &self.file))
            .with_context(|| format!("{} cannot be written", self.file.display()))
    }
}

fn library(folders: &[impl AsRef<Path>]) -> Result<PathBuf> {
    let folders = folders.iter().map(AsRef::as_ref).flat_map(|folder| {
        let below = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        std::iter::once(folder.to_owned()).chain(below)
    });
    folders.map(|folder| folder.join(LIBRARY)).find(|it| it.is_file()).context(
        "libfaketime (libfaketime.so.1) was not found; on Debian and Ubuntu the package `faketime` has it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_found_in_both_kinds_of_folders() {
        let folder = tempfile::tempdir().unwrap();
        let missing = library(&[folder.path()]).unwrap_err().to_string();
        assert!(missing.contains("the package `faketime`"), "{missing}");
        let library_folder = folder.path().join("x86_64-linux-gnu/faketime");
        std::fs::create_dir_all(&library_folder).unwrap();
        let file = library_folder.join("libfaketime.so.1");
        std::fs::write(&file, "").unwrap();
        assert_eq!(library(&[folder.path()]).unwrap(), file);
        assert_eq!(library(&[library_folder.parent().unwrap()]).unwrap(), file);
    }

    #[test]
    fn a_program_reads_the_time_that_was_set() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::kept_in(folder.path()).unwrap();
        let seconds = || {
            let output =
                std::process::Command::new("date").arg("+%s").envs(clock.settings()).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse::<i64>().unwrap()
        };
        let right = seconds();
        for ahead in [31_536_000, -3600] {
            clock.set(ahead).unwrap();
            assert!((seconds() - right - ahead).abs() < 60, "{ahead}");
        }
    }
}
