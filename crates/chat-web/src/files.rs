//! The files: those of the built client, or those of the built-in page if the client was not built or not embedded.
//! Release builds contain them; debug builds read them from disk on every request, so that a new build of the client is
//! served without a new build of the server.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use rust_embed::{Embed, EmbeddedFile};

#[cfg(all(feature = "embed", not(debug_assertions)))]
#[derive(Embed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Client;

#[derive(Embed)]
#[folder = "builtin"]
struct BuiltIn;

/// A file's content and tag.
pub(crate) struct File {
    pub(crate) bytes: Cow<'static, [u8]>,
    /// A strong ETag: different bytes have a different tag.
    pub(crate) etag: String,
}

/// Finds the file at a path below the root.
pub(crate) fn find(path: &str) -> Option<File> {
    if !is_plain(path) {
        return None;
    }
    let found = if has_client() { client(path) } else { BuiltIn::get(path) }?;
    let hash = HEXLOWER.encode(&found.metadata.sha256_hash());
    Some(File { bytes: found.data, etag: format!("\"{hash}\"") })
}

fn has_client() -> bool {
    client("index.html").is_some()
}

#[cfg(all(feature = "embed", not(debug_assertions)))]
fn client(path: &str) -> Option<EmbeddedFile> {
    Client::get(path)
}

/// Reads the file without [`Embed`], which does not see a folder that was created after this was compiled.
#[cfg(all(feature = "embed", debug_assertions))]
fn client(path: &str) -> Option<EmbeddedFile> {
    let dist = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist"));
    rust_embed::utils::read_file_from_fs(&dist.join(path)).ok()
}

#[cfg(not(feature = "embed"))]
fn client(_: &str) -> Option<EmbeddedFile> {
    None
}

/// Whether this can be the path of one of our files: plain names only, and nothing with another meaning to a file
/// system.
fn is_plain(path: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    path.split('/').all(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_paths() {
        for path in ["index.html", "assets/index-B_x-1.js", "a/b/c.css"] {
            assert!(is_plain(path), "{path}");
        }
        for path in
            ["", "/", "/etc/passwd", "..", "../x", "a/../b", "a//b", "a/", ".env", "a\\b", "c:x", "%2e"]
        {
            assert!(!is_plain(path), "{path}");
        }
    }
}
