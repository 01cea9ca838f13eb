//! Finds the engines' programs: on `PATH`, or in the folders of Debian's packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Debian keeps each release of PostgreSQL in a folder of its own here.
const RELEASES: &str = "/usr/lib/postgresql";
/// The programs that are needed from one folder, so that both are of one release.
const POSTGRES_PROGRAMS: [&str; 2] = ["initdb", "postgres"];
/// Folders that are not on every user's `PATH`.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin"];

/// Returns the folder of PostgreSQL's programs.
pub(crate) fn postgres() -> Result<PathBuf> {
    // The entry on `PATH` may be a link to one program only; the others lie beside its target.
    let targets = on_path().map(|folder| folder.join("initdb")).filter_map(|it| it.canonicalize().ok());
    let folders = targets.filter_map(|target| Some(target.parent()?.to_owned()));
    folders.chain(releases(Path::new(RELEASES))).find(|folder| has_all(folder)).context(
        "PostgreSQL's programs (initdb, postgres) were not found, neither on PATH nor in \
         /usr/lib/postgresql; on Debian and Ubuntu the package `postgresql` has them",
    )
}

pub(crate) fn nats() -> Result<PathBuf> {
    find_program("nats-server")
}

pub(crate) fn pooler() -> Result<PathBuf> {
    find_program("pgbouncer")
}

/// Finds a program that needs no others and has the name of its Debian package.
fn find_program(name: &str) -> Result<PathBuf> {
    let folders = on_path().chain(SYSTEM_FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|it| it.is_file()).with_context(|| {
        format!("{name} was not found on PATH; on Debian and Ubuntu the package `{name}` has it")
    })
}

/// Finds PostgreSQL's client, of any release, because some packages contain the server only.
pub(crate) fn psql(beside: &Path) -> Result<PathBuf> {
    let folders = [beside.to_owned()].into_iter().chain(on_path()).chain(releases(Path::new(RELEASES)));
    folders
        .map(|folder| folder.join("psql"))
        .find(|it| it.is_file())
        .context("psql was not found; on Debian and Ubuntu the package `postgresql-client` has it")
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn has_all(folder: &Path) -> bool {
    POSTGRES_PROGRAMS.iter().all(|name| folder.join(name).is_file())
}

/// Returns the program folder of each release, the newest first.
fn releases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let release = |path: &Path| path.file_name()?.to_str()?.parse::<f32>().ok();
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some((release(&entry.path())?, entry.path().join("bin")))).collect();
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    found.into_iter().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_release_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        for release in ["9.6", "15", "17", "common"] {
            std::fs::create_dir(folder.path().join(release)).unwrap();
        }
        let expected = ["17", "15", "9.6"].map(|release| folder.path().join(release).join("bin"));
        assert_eq!(releases(folder.path()), expected);
        assert_eq!(releases(&folder.path().join("nowhere")), Vec::<PathBuf>::new());
    }

    #[test]
    fn a_folder_that_lacks_a_program_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        for name in POSTGRES_PROGRAMS {
            assert!(!has_all(folder.path()), "without {name}");
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert!(has_all(folder.path()));
    }
}
