//! The file `.env` in the working folder. It may be meant for another program, so this module reports which setting
//! came from the file and not from the operator.

/// Variable with the address of a PostgreSQL database. Other programs use the same name.
const DATABASE_URL: &str = "DATABASE_URL";

/// Result of reading the file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dotenv {
    /// `DATABASE_URL` comes from the file and not from the environment.
    pub(crate) has_database_url: bool,
}

/// Reads the file if it exists, and sets its variables in the environment, so no other thread may run yet. Folders
/// above are not searched: a file there belongs to something else. Clients must not call this: in another user's
/// folder, the file could name a server that would then get the user's password.
///
/// # Errors
/// The file cannot be read or parsed. The text never repeats the file's content, which may be secret.
pub(crate) fn read() -> Result<Dotenv, String> {
    let is_set = || std::env::var_os(DATABASE_URL).is_some();
    let was_set = is_set();
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(Dotenv { has_database_url: !was_set && is_set() }),
        Err(error) if error.not_found() => Ok(Dotenv::default()),
        Err(dotenvy::Error::LineParse(..)) => {
            Err("a line does not have the form NAME=value; check its quotes".into())
        }
        Err(error) => Err(error.to_string()),
    }
}
