//! A clock that can be set, for one program: libfaketime, which is loaded into it before all else, reads from a file how
//! wrong the system's clock is to be. What measures how much time goes by is left alone, as where an administrator sets a
//! clock.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where packages put it: Debian by the machine's kind, others without.
const FOLDERS: [&str; 3] = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];
const LIBRARY: &str = "faketime/libfaketime.so.1";

/// The clock.
#[derive(Debug, Clone)]
pub struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    /// One that is right, until it is set; it is kept in this folder. Fails where libfaketime is not installed.
    pub fn kept_in(folder: &Path) -> Result<Self> {
        let clock = Self { library: library(&FOLDERS)?, file: folder.join("clock") };
        clock.set(0)?;
        Ok(clock)
    }

    /// Fails where libfaketime is not installed.
    pub fn is_to_be_had() -> Result<()> {
        library(&FOLDERS).map(drop)
    }

    /// What the environment of the program has to say.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            // Otherwise the file is read every ten seconds.
            ("FAKETIME_NO_CACHE", "1".into()),
            // Releases spell it in two ways.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("DONT_FAKE_MONOTONIC", "1".into()),
            // Files keep the times that they have.
            ("NO_FAKE_STAT", "1".into()),
        ]
    }

    /// From now on it is so many seconds ahead; less than 0: behind.
    pub fn set(&self, ahead_s: i64) -> Result<()> {
        // In one step: half a number is another one.
        let draft = self.file.with_extension("draft");
        std::fs::write(&draft, format!("{ahead_s:+}\n"))
            .and_then(|()| std::fs::rename(&draft, &self.file))
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
    fn it_is_found_beside_others_or_below_the_kind_of_machine() {
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
    fn what_it_is_set_to_is_what_a_program_is_told() {
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
