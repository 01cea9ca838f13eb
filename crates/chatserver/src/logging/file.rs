//! The log file. It rotates by size, and a new file is opened if another program, such as logrotate, has moved it away.
//! Nothing that happens to the file or its folder may end the thread that writes it.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Result, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Size in bytes at which the file is rotated.
const BYTES: u64 = 20 * 1024 * 1024;
/// Older files are kept as `app.log.1`, the newest, to `app.log.5`.
const OLD_FILES: u32 = 5;
/// Interval at which the open file is compared with the one that has the name.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Request to reopen the file by its name before the next line is written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reopen(Arc<AtomicBool>);

impl Reopen {
    pub(crate) fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writer of whole lines to the file at `path`.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    checked: Instant,
    asked: Reopen,
}

impl LogFile {
    pub(super) fn open(path: &Path, asked: Reopen) -> Result<Self> {
        let file = open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, checked: Instant::now(), asked })
    }

    fn check(&mut self) {
        let asked = self.asked.0.swap(false, Ordering::Relaxed);
        if !asked && self.checked.elapsed() < CHECK_INTERVAL {
            return;
        }
        self.checked = Instant::now();
        match self.file.metadata() {
            // Another program may have truncated it.
            Ok(file) if !asked && is_at(&self.path, &file) => self.bytes = file.len(),
            _ => self.reopen(),
        }
    }

    /// Reopens the file by its name. If that fails, the file that is open stays in use.
    fn reopen(&mut self) {
        if let Ok(renewed) = Self::open(&self.path, self.asked.clone()) {
            *self = renewed;
        }
    }

    fn rotate(&mut self) {
        let old = |number: u32| {
            let mut path = self.path.clone().into_os_string();
            path.push(format!(".{number}"));
            PathBuf::from(path)
        };
        // Errors are ignored: some of the older files may be missing.
        for number in (1..OLD_FILES).rev() {
            let _ = std::fs::rename(old(number), old(number + 1));
        }
        let _ = std::fs::rename(&self.path, old(1));
        self.reopen();
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> Result<usize> {
        self.check();
        if self.bytes >= BYTES {
            self.rotate();
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }
}

fn open(path: &Path) -> Result<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(unix)]
fn is_at(path: &Path, file: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    path.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn is_at(path: &Path, _: &Metadata) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use std::fs::{read_to_string, rename, write};

    use super::*;

    struct Scene {
        folder: tempfile::TempDir,
        asked: Reopen,
        log: LogFile,
    }

    impl Scene {
        fn new() -> Self {
            let (folder, asked) = (tempfile::tempdir().unwrap(), Reopen::default());
            let log = LogFile::open(&folder.path().join("logs/app.log"), asked.clone()).unwrap();
            Self { folder, asked, log }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join("logs").join(name)
        }

        fn text(&self, name: &str) -> String {
            read_to_string(self.path(name)).unwrap()
        }

        /// Makes the file as large as one that has to be rotated.
        fn fill(&mut self) {
            OpenOptions::new().write(true).open(self.path("app.log")).unwrap().set_len(BYTES).unwrap();
            self.log.bytes = BYTES;
        }

        fn say(&mut self, line: &str) {
            self.log.write_all(line.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_full_file_becomes_the_newest_of_five_older_ones() {
        let mut scene = Scene::new();
        for number in 0..7 {
            scene.say(&format!("{number}\n"));
            scene.fill();
        }
        scene.say("7\n");
        assert_eq!(scene.text("app.log"), "7\n");
        for (number, first) in (1..=5).zip(["6\n", "5\n", "4\n", "3\n", "2\n"]) {
            let old = scene.text(&format!("app.log.{number}"));
            assert!(old.starts_with(first) && old.len() as u64 == BYTES, "{number}");
        }
        assert!(!scene.path("app.log.6").exists());
    }

    #[test]
    fn older_files_of_another_programs_making_are_no_trouble() {
        let mut scene = Scene::new();
        for name in ["app.log.1", "app.log.1.gz", "app.log.3", "app.log.5"] {
            write(scene.path(name), name).unwrap();
        }
        scene.say("first\n");
        scene.fill();
        scene.say("second\n");
        assert_eq!(scene.text("app.log"), "second\n");
        assert!(scene.text("app.log.1").starts_with("first\n"));
        assert_eq!(scene.text("app.log.2"), "app.log.1");
    }

    #[test]
    fn a_file_that_was_moved_away_is_left_when_asked() {
        let mut scene = Scene::new();
        scene.say("before\n");
        rename(scene.path("app.log"), scene.path("app.log.1")).unwrap();
        scene.say("not asked yet\n");
        scene.asked.ask();
        scene.say("after\n");
        assert_eq!(scene.text("app.log.1"), "before\nnot asked yet\n");
        assert_eq!(scene.text("app.log"), "after\n");
    }

    #[test]
    fn a_file_that_was_moved_away_is_found_missing_without_being_asked() {
        let mut scene = Scene::new();
        scene.say("before\n");
        rename(scene.path("app.log"), scene.path("elsewhere")).unwrap();
        scene.log.checked -= CHECK_INTERVAL;
        scene.say("after\n");
        assert_eq!(scene.text("app.log"), "after\n");
    }

    #[test]
    fn a_file_that_was_cut_short_is_not_rotated_for_what_it_was() {
        let mut scene = Scene::new();
        scene.fill();
        File::create(scene.path("app.log")).unwrap();
        scene.log.checked -= CHECK_INTERVAL;
        scene.say("after\n");
        assert_eq!(scene.text("app.log"), "after\n");
        assert!(!scene.path("app.log.1").exists());
    }

    #[test]
    fn without_a_folder_it_makes_one_and_without_that_goes_on_where_it_is() {
        let mut scene = Scene::new();
        let moved = scene.folder.path().join("moved");
        rename(scene.path(""), &moved).unwrap();
        write(scene.folder.path().join("logs"), "in the way").unwrap();
        scene.asked.ask();
        scene.say("nowhere else\n");
        assert_eq!(read_to_string(moved.join("app.log")).unwrap(), "nowhere else\n");
        std::fs::remove_file(scene.folder.path().join("logs")).unwrap();
        scene.log.checked -= CHECK_INTERVAL;
        scene.say("there again\n");
        assert_eq!(scene.text("app.log"), "there again\n");
    }
}
