//! The file `.env` in the working folder. It may have been put there for another program: so it is remembered what came
//! from it and from nobody who was there.

/// Where a PostgreSQL database is to be found; other programs call it so too.
const DATABASE_URL: &str = "DATABASE_URL";

/// What the file has brought.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dotenv {
    /// `DATABASE_URL` is from the file and not from the environment.
    pub(crate) has_database_url: bool,
}

/// Reads the file, if it is there; one of a folder above belongs to something else. Not for clients: a folder that is not
/// the user's own could name a server to which the user's password would go. What it holds is not repeated: it may be a
/// secret. Sets environment variables, so no other thread may run yet.
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
